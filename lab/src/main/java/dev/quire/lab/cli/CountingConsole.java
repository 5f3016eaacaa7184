package dev.quire.lab.cli;

import dev.quire.emulator.device.ConsoleSink;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Console output that is counted and digested, and handed on. Machine thread only. */
final class CountingConsole implements ConsoleSink {
  private final ConsoleSink next;
  private final MessageDigest digest;
  private long bytes;

  CountingConsole(ConsoleSink next) {
    this.next = next;
    try {
      digest = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  @Override
  public void write(byte value) {
    digest.update(value);
    bytes++;
    next.write(value);
  }

  long bytes() {
    return bytes;
  }

  /** SHA-256 of all of it, in hexadecimal; once, at the end. */
  String digest() {
    return HexFormat.of().formatHex(digest.digest());
  }
}
