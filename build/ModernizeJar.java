import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;

/**
 * Rewrites the classes of a jar to the class-file version of Java 17, stack maps included: {@code
 * java ModernizeJar.java JAR}. The JVM's start-up cache takes no classes older than Java 6, and
 * picocli is compiled for Java 5; without this, a quarter of the launcher's time goes to loading
 * and verifying it. Nothing else changes; the launcher goes on with the original if this fails.
 */
final class ModernizeJar {
  private static final int JAVA_17 = 61;

  private ModernizeJar() {}

  public static void main(String[] arguments) throws IOException {
    Path original = Path.of(arguments[0]);
    Path modern = original.resolveSibling("modern.jar.tmp");
    try (JarFile jar = new JarFile(original.toFile());
        URLClassLoader loader = new URLClassLoader(new URL[] {original.toUri().toURL()});
        JarOutputStream target = new JarOutputStream(Files.newOutputStream(modern))) {
      ClassFile classFile =
          ClassFile.of(
              ClassHierarchyResolverOption.of(
                  ClassHierarchyResolver.ofResourceParsing(loader).cached()));
      for (JarEntry entry : jar.stream().toList()) {
        byte[] content = jar.getInputStream(entry).readAllBytes();
        target.putNextEntry(new JarEntry(entry.getName()));
        target.write(isClass(entry.getName()) ? modernized(classFile, content) : content);
      }
    }
    Files.move(modern, original, StandardCopyOption.REPLACE_EXISTING);
  }

  private static boolean isClass(String name) {
    return name.endsWith(".class")
        && !name.startsWith("META-INF/")
        && !name.equals("module-info.class");
  }

  private static byte[] modernized(ClassFile classFile, byte[] content) {
    // Passing every instruction through makes the library compute the stack maps anew.
    ClassTransform throughput =
        ClassTransform.transformingMethodBodies((builder, element) -> builder.with(element));
    ClassTransform version = ClassTransform.endHandler(builder -> builder.withVersion(JAVA_17, 0));
    return classFile.transformClass(classFile.parse(content), throughput.andThen(version));
  }
}
