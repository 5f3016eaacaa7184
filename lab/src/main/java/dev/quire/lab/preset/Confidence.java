package dev.quire.lab.preset;

/** How sure a field of a preset is. */
public enum Confidence {
  /** The text of the source was read. */
  S("read"),
  /** Recalled from the source named, which was not read again. */
  R("recalled"),
  /** A modelling default: no public figure. */
  E("assumed");

  private final String text;

  Confidence(String text) {
    this.text = text;
  }

  /** In a word. */
  public String text() {
    return text;
  }
}
