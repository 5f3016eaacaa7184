package dev.quire.lab.cli;

import dev.quire.bindings.NativeLibraries;
import dev.quire.bindings.NativeLibraryException;
import dev.quire.lab.report.Manifest;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Map;
import java.util.Properties;

/** What this build and this machine are. */
final class Build {
  private Build() {}

  /** Quire's version. */
  static String version() {
    Properties properties = new Properties();
    try (InputStream file = Build.class.getResourceAsStream("/dev/quire/lab/build.properties")) {
      properties.load(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read build.properties", e);
    }
    return properties.getProperty("version");
  }

  static Manifest manifest(Invocation invocation, long seed, Map<String, Object> config) {
    return new Manifest(
        version(),
        invocation.commit(),
        Runtime.version().toString(),
        unicornVersion(),
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.arch")
            + ", "
            + Runtime.getRuntime().availableProcessors()
            + " processors",
        seed,
        config);
  }

  private static String unicornVersion() {
    try {
      return NativeLibraries.unicorn().versionText();
    } catch (NativeLibraryException e) {
      return null;
    }
  }
}
