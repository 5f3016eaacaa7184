package dev.quire.lab.sweep;

import dev.quire.emulator.json.JsonValues;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * One run of a sweep.
 *
 * @param index its place in the grid, from 0
 * @param id follows from the command line alone, so it stays whatever else the grid holds
 * @param axes what is varied, by name as in result lines
 * @param command the command and its arguments, without those that say where results go
 */
public record SweepCell(int index, String id, Map<String, Object> axes, List<String> command) {
  private static final int ID_DIGITS = 12;

  static SweepCell of(int index, Map<String, Object> axes, List<String> command) {
    return new SweepCell(index, digest(JsonValues.text(command)), axes, command);
  }

  private static String digest(String text) {
    try {
      byte[] sha256 =
          MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
      return HexFormat.of().formatHex(sha256).substring(0, ID_DIGITS);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
