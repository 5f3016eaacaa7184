package dev.quire.lab.report.html;

import dev.quire.emulator.json.JsonValues;
import java.util.List;
import java.util.Map;

/** What every page has around its own parts, so that it needs no other file. Pure functions. */
final class PageFrame {
  /** What a mark * means. */
  static final String WHAT_IF =
      "rows marked * rest on a second stage with the contiguous bit, which Linux's KVM does not"
          + " build: no result for today's Linux.";

  private PageFrame() {}

  /** A page up to the start of its body. */
  static HtmlText begin(String title) {
    HtmlText html = new HtmlText();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n");
    html.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.raw("<title>").text("Quire: " + title).raw("</title>\n<style>\n");
    return html.raw(PageAssets.read("report.css")).raw("</style></head><body>\n");
  }

  /** Terms and what is said of them; the caller opened the list and closes it. */
  static void entries(HtmlText html, Map<String, String> texts) {
    texts.forEach(
        (name, text) ->
            html.raw("<div>").element("dt", "", name).element("dd", "", text).raw("</div>"));
  }

  /** The section that says what kinds of number the page holds. */
  static void basis(HtmlText html, Map<String, String> texts) {
    html.raw("<section><h2>What the numbers are</h2>\n<dl class=\"basis-list\">");
    entries(html, texts);
    html.raw("</dl></section>\n");
  }

  /** The data of the plots, the scripts that draw them, the licences of those; the whole page. */
  static String end(HtmlText html, List<Map<String, Object>> plots) {
    html.raw("<script type=\"application/json\" id=\"plots\">");
    // No text in the data may end the script element that it stands in.
    html.raw(JsonValues.text(plots).replace("<", "\\u003c")).raw("</script>\n");
    for (String script : PageAssets.scripts()) {
      html.raw("<script>").raw(script).raw("</script>\n");
    }
    html.raw("<script type=\"text/plain\" id=\"licences\">\n");
    html.raw(PageAssets.read("vega/LICENSES.txt")).raw("</script>\n</body></html>\n");
    return html.toString();
  }
}
