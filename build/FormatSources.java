import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;

/**
 * Runs google-java-format over the tree, as a source-launched program on the build's own JDK:
 * {@code check ROOT} fails naming what is not formatted, {@code apply ROOT} formats it.
 */
final class FormatSources {
  private FormatSources() {}

  public static void main(String[] arguments) throws IOException {
    boolean apply = arguments[0].equals("apply");
    List<String> call =
        new ArrayList<>(apply ? List.of("-i") : List.of("-n", "--set-exit-if-changed"));
    Files.walkFileTree(
        Path.of(arguments[1]),
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
            String name = folder.getFileName().toString();
            return name.equals("target") || name.startsWith(".") && !name.equals(".")
                ? FileVisitResult.SKIP_SUBTREE
                : FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
            if (file.toString().endsWith(".java")) {
              call.add(file.toString());
            }
            return FileVisitResult.CONTINUE;
          }
        });
    if (!apply) {
      System.err.println(
          "Formatting is checked; what follows is not formatted (build/format.sh mends it):");
    }
    com.google.googlejavaformat.java.Main.main(call.toArray(String[]::new));
  }
}
