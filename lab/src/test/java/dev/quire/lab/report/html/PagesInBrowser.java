package dev.quire.lab.report.html;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Opens pages in headless Chromium, without network; tests are skipped where there is none. */
final class PagesInBrowser {
  private static final long LONGEST_SECONDS = 60;

  private final Path browser;
  private final Path folder;

  private PagesInBrowser(Path browser, Path folder) {
    this.browser = browser;
    this.folder = folder;
  }

  /** The browser on the PATH; skips the test if there is none. */
  static PagesInBrowser find(Path folder) {
    for (String name : List.of("chromium", "chromium-browser", "google-chrome")) {
      for (String on : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
        if (!on.isEmpty() && Files.isExecutable(Path.of(on, name))) {
          return new PagesInBrowser(Path.of(on, name), folder);
        }
      }
    }
    assumeThat(true).as("a Chromium on the PATH").isFalse();
    return null;
  }

  /** The document after its scripts ran; fails on any word in the browser's console. */
  String open(String page, String... options) throws IOException, InterruptedException {
    Path file = Files.writeString(folder.resolve("page.html"), page);
    Path dom = folder.resolve("dom.html");
    Path log = folder.resolve("log.txt");
    List<String> command =
        new ArrayList<>(
            List.of(
                browser.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--user-data-dir=" + folder.resolve("profile"),
                "--virtual-time-budget=10000",
                "--enable-logging=stderr",
                "--dump-dom"));
    command.addAll(List.of(options));
    command.add(file.toUri().toString());
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(dom.toFile())
            .redirectError(log.toFile())
            .start();
    try {
      assertThat(process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertThat(Files.readString(log)).doesNotContain("CONSOLE");
    return Files.readString(dom);
  }

  /** How often a part occurs. */
  static int count(String text, String part) {
    return text.split(part, -1).length - 1;
  }
}
