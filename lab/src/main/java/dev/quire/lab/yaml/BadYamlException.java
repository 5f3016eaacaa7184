package dev.quire.lab.yaml;

/** A text that is not the YAML used here: one line with file, line and what is wrong. */
public final class BadYamlException extends RuntimeException {
  private static final long serialVersionUID = 1;

  public BadYamlException(String message) {
    super(message);
  }

  public BadYamlException(String message, Throwable cause) {
    super(message, cause);
  }
}
