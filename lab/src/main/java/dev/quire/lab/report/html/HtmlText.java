package dev.quire.lab.report.html;

/** HTML as it grows. Everything from outside goes through {@link #text}. One thread. */
final class HtmlText {
  private final StringBuilder html = new StringBuilder();

  /** Markup of ours, as it is. */
  HtmlText raw(String markup) {
    html.append(markup);
    return this;
  }

  /** A text, escaped for content and for quoted attributes. */
  HtmlText text(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> html.append("&amp;");
        case '<' -> html.append("&lt;");
        case '>' -> html.append("&gt;");
        case '"' -> html.append("&quot;");
        case '\'' -> html.append("&#39;");
        default -> html.append(Character.isISOControl(c) && c != '\n' ? '\ufffd' : c);
      }
    }
    return this;
  }

  /** An element around a text. */
  HtmlText element(String tag, String attributes, String text) {
    return raw("<" + tag + (attributes.isEmpty() ? "" : " " + attributes) + ">")
        .text(text)
        .raw("</" + tag + ">");
  }

  @Override
  public String toString() {
    return html.toString();
  }
}
