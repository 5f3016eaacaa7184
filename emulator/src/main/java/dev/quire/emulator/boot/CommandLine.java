package dev.quire.emulator.boot;

import java.nio.charset.StandardCharsets;

/** A guest's command line as bytes with the terminating zero. */
final class CommandLine {
  /** COMMAND_LINE_SIZE of Linux on both architectures, with the terminating zero. */
  static final int MAX_BYTES = 2048;

  private CommandLine() {}

  /** The user's line and what the loader adds, separated by a blank. */
  static String join(String line, String addition) {
    return line.isEmpty() ? addition : line + " " + addition;
  }

  static byte[] encode(String line) {
    byte[] text = line.getBytes(StandardCharsets.UTF_8);
    if (text.length >= MAX_BYTES) {
      throw new BadGuestException(
          "command line",
          "%d bytes are too many; at most %d fit".formatted(text.length, MAX_BYTES - 1));
    }
    byte[] bytes = new byte[text.length + 1];
    for (int i = 0; i < text.length; i++) {
      if (text[i] == 0) {
        throw new BadGuestException("command line", "contains a zero byte");
      }
      bytes[i] = text[i];
    }
    return bytes;
  }
}
