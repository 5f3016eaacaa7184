package dev.quire.lab.replay;

/**
 * One field in which the modelled kernel differs from the recorded one.
 *
 * @param op index of the operation
 * @param text of the operation
 * @param field its name, with an index where it is a list
 * @param expected what was recorded, as short text
 * @param got what the model answered
 */
public record Difference(int op, String text, String field, String expected, String got) {
  @Override
  public String toString() {
    return "op %d '%s': %s: expected %s, got %s".formatted(op, text, field, expected, got);
  }
}
