package dev.quire.lab.cli;

import java.math.BigDecimal;

/** Where {@code quire snapshot} stops: the POINT of {@code --at}. */
sealed interface SnapshotPoint {
  /** A share of the instructions that an uninterrupted run retires. */
  record Percent(BigDecimal percent) implements SnapshotPoint {
    long of(long instructions) {
      return percent
          .multiply(BigDecimal.valueOf(instructions))
          .movePointLeft(2)
          .toBigInteger()
          .longValueExact();
    }
  }

  /** After this many retired instructions, all vCPUs together. */
  record Instructions(long count) implements SnapshotPoint {}

  /** When the guest has written this line to its marker device. */
  record Marker(String name) implements SnapshotPoint {}

  String LEGAL = "40% (of the instructions of a whole run, below 100%), insn:N, marker:NAME";

  /**
   * @throws CommandFailure if it is none
   */
  static SnapshotPoint parse(String text) {
    SnapshotPoint point = null;
    if (text.endsWith("%")) {
      point = percent(text.substring(0, text.length() - 1));
    } else if (text.startsWith("insn:")) {
      point = instructions(text.substring("insn:".length()));
    } else if (text.startsWith("marker:") && text.length() > "marker:".length()) {
      point = new Marker(text.substring("marker:".length()));
    }
    if (point == null) {
      throw CommandFailure.usage("--at '" + text + "' is no point; legal are " + LEGAL);
    }
    return point;
  }

  private static SnapshotPoint percent(String number) {
    if (!number.matches("[0-9]{1,2}(\\.[0-9]{1,9})?")) {
      return null;
    }
    return new Percent(new BigDecimal(number));
  }

  private static SnapshotPoint instructions(String number) {
    return number.matches("[0-9]{1,18}") ? new Instructions(Long.parseLong(number)) : null;
  }
}
