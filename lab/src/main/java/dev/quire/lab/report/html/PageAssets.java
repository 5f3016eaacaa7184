package dev.quire.lab.report.html;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** The style and the scripts that go into a page. They are read when a page is made, not before. */
final class PageAssets {
  private PageAssets() {}

  /** Vega, Vega-Lite, Vega-Embed as released, then ours. */
  static List<String> scripts() {
    return List.of(
        library("vega/vega.min.js"),
        library("vega/vega-lite.min.js"),
        library("vega/vega-embed.min.js"),
        read("report.js"));
  }

  /** Without the pointer to a source map, which a page by itself does not have. */
  private static String library(String name) {
    return read(name).replaceFirst("\\n//# sourceMappingURL=[^\\n]*\\s*$", "\n");
  }

  static String read(String name) {
    try (InputStream input = PageAssets.class.getResourceAsStream(name)) {
      if (input == null) {
        throw new IllegalStateException("this build lacks " + name);
      }
      return new String(input.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + name, e);
    }
  }
}
