package dev.quire.lab.cli;

import java.util.Locale;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A guest's memory in bytes, written as {@code 64M}, {@code 512K}, {@code 2G} or plain bytes.
 *
 * @param bytes a multiple of 4 KiB
 */
public record MemorySize(long bytes) {
  private static final long KIB = 1L << 10;
  private static final long MIB = 1L << 20;
  private static final long GIB = 1L << 30;
  private static final long SMALLEST = 2 * MIB;
  private static final long LARGEST = 256 * GIB;
  private static final long PAGE = 4 * KIB;

  /** Parses; {@link IllegalArgumentException} tells what is wrong and what would be right. */
  public static MemorySize parse(String text) {
    int digits = 0;
    while (digits < text.length() && Character.digit(text.charAt(digits), 10) >= 0) {
      digits++;
    }
    long unit = unit(text.substring(digits).toUpperCase(Locale.ROOT));
    if (digits == 0 || digits > 18 || unit == 0) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a memory size: write for example 64M, 1G or 65536K");
    }
    long count = Long.parseLong(text.substring(0, digits));
    if (count > LARGEST / unit || count * unit < SMALLEST) {
      throw new IllegalArgumentException("'" + text + "' is out of range: 2M to 256G");
    }
    long bytes = count * unit;
    if (bytes % PAGE != 0) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a whole number of 4 KiB pages: try " + bytes / PAGE * 4 + "K");
    }
    return new MemorySize(bytes);
  }

  private static long unit(String suffix) {
    return switch (suffix) {
      case "" -> 1;
      case "K", "KB", "KIB" -> KIB;
      case "M", "MB", "MIB" -> MIB;
      case "G", "GB", "GIB" -> GIB;
      default -> 0;
    };
  }

  @Override
  public String toString() {
    if (bytes % GIB == 0) {
      return bytes / GIB + "G";
    }
    return bytes % MIB == 0 ? bytes / MIB + "M" : bytes / KIB + "K";
  }

  /** Lets picocli parse it. */
  static final class Converter implements ITypeConverter<MemorySize> {
    @Override
    public MemorySize convert(String value) {
      try {
        return parse(value);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    }
  }
}
