package dev.quire.lab.replay;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The words of one operation, taken from left to right, each as what it must be. Numbers are
 * decimal or hexadecimal with 0x; an address is {@code PAGE}, {@code PAGE+BYTES} or {@code =BYTES},
 * a length {@code PAGES}, {@code PAGES+BYTES} or {@code =BYTES}.
 *
 * <p>Every method throws {@link BadOpException} if the word is missing or something else.
 */
final class Words {
  private static final int MOST_DIGITS = 20;
  private static final int HEXADECIMAL = 16;
  private static final int DECIMAL = 10;

  private final List<String> words;
  private final boolean anywhere;
  private int next;

  Words(String text) {
    this(text, false);
  }

  /**
   * @param anywhere whether addresses and lengths may be any of 64 bits, and {@code s} and {@code
   *     s+BYTES} name the source buffer; otherwise they stay in the script's part of the address
   *     space
   */
  Words(String text, boolean anywhere) {
    this.anywhere = anywhere;
    words = List.of(text.split(" ", -1));
    for (String word : words) {
      if (word.isEmpty()) {
        throw new BadOpException("words are separated by single spaces");
      }
    }
  }

  boolean hasNext() {
    return next < words.size();
  }

  /** Whether the next word is one of these. */
  boolean nextIs(Set<String> names) {
    return hasNext() && names.contains(words.get(next));
  }

  String word(String what) {
    if (!hasNext()) {
      throw new BadOpException(what + " is missing");
    }
    return words.get(next++);
  }

  /** Fails if there are words left. */
  void end() {
    if (hasNext()) {
      throw new BadOpException("'" + words.get(next) + "' is one word too many");
    }
  }

  /** A number from 0 to {@code most}. */
  long number(String what, long most) {
    return number(what, word(what), most);
  }

  private static long number(String what, String word, long most) {
    boolean hexadecimal = word.startsWith("0x");
    String digits = hexadecimal ? word.substring(2) : word;
    long value = 0;
    int radix = hexadecimal ? 16 : 10;
    if (digits.isEmpty() || digits.length() > MOST_DIGITS) {
      throw notANumber(what, word);
    }
    for (int i = 0; i < digits.length(); i++) {
      int digit = Character.digit(digits.charAt(i), radix);
      if (digit < 0 || digits.charAt(i) > 'f') {
        throw notANumber(what, word);
      }
      if (value > (Long.MAX_VALUE - digit) / radix) {
        throw outOfRange(what, word, most);
      }
      value = value * radix + digit;
    }
    if (value > most) {
      throw outOfRange(what, word, most);
    }
    return value;
  }

  /** A number of 64 bits, negative with a minus sign. */
  long signed(String what) {
    String word = word(what);
    return word.startsWith("-")
        ? -number(what, word.substring(1), Long.MAX_VALUE)
        : number(what, word, Long.MAX_VALUE);
  }

  private static BadOpException notANumber(String what, String word) {
    return new BadOpException(what + " '" + word + "' is not a number such as 12 or 0xc");
  }

  private static BadOpException outOfRange(String what, String word, long most) {
    return new BadOpException(what + " " + word + " is out of range: 0 to " + most);
  }

  /** A number of 64 bits without sign. */
  long unsigned(String what) {
    return unsigned(what, word(what));
  }

  private static long unsigned(String what, String word) {
    boolean hexadecimal = word.startsWith("0x");
    String digits = hexadecimal ? word.substring(2) : word;
    if (!digits.matches(hexadecimal ? "[0-9a-f]{1,16}" : "[0-9]{1,20}")) {
      throw notANumber(what, word);
    }
    try {
      return Long.parseUnsignedLong(digits, hexadecimal ? HEXADECIMAL : DECIMAL);
    } catch (NumberFormatException e) {
      throw new BadOpException(what + " " + word + " does not fit in 64 bits");
    }
  }

  /** Names and numbers joined by {@code |}. */
  long flags(String what, Map<String, Long> names) {
    long flags = 0;
    for (String flag : word(what).split("\\|", -1)) {
      if (names.containsKey(flag)) {
        flags |= names.get(flag);
      } else if (flag.isEmpty() || !Character.isDigit(flag.charAt(0))) {
        throw new BadOpException(
            what
                + " '"
                + flag
                + "' is neither a number nor one of "
                + String.join(", ", names.keySet()));
      } else {
        flags |= unsigned(what, flag);
      }
    }
    return flags;
  }

  /** An address and a length; both ends lie in the script's part of the address space. */
  PageRange range() {
    long address = address();
    return new PageRange(address, length(address));
  }

  long address() {
    String word = word("an address");
    if (word.startsWith("=")) {
      String digits = word.substring(1);
      return anywhere
          ? unsigned("the address", digits)
          : number("the address", digits, PageRange.END - 1);
    }
    if (anywhere && word.equals("s")) {
      return PageRange.SOURCE;
    }
    if (anywhere && word.startsWith("s+")) {
      return PageRange.SOURCE
          + number("the byte of the source", word.substring(2), PageRange.SOURCE_BYTES);
    }
    return PageRange.BASE + bytes("the address", word, PageRange.MOST_PAGES);
  }

  /** A length that ends at or below the end of what scripts can name. */
  long length(long address) {
    long bytes = bytes("a length");
    if (!anywhere && bytes > PageRange.END - address) {
      throw new BadOpException("the range ends above page " + PageRange.MOST_PAGES);
    }
    return bytes;
  }

  /** Fails if the last of several addresses is beyond what scripts can name. */
  void last(long address, long last) {
    if (!anywhere && (last < address || last >= PageRange.END)) {
      throw new BadOpException("the last page lies above page " + PageRange.MOST_PAGES);
    }
  }

  /** Pages, as bytes. */
  long bytes(String what) {
    String word = word(what);
    if (word.startsWith("=")) {
      String digits = word.substring(1);
      return anywhere
          ? unsigned(what, digits)
          : number(what, digits, PageRange.MOST_PAGES * PageRange.PAGE_BYTES);
    }
    return bytes(what, word, PageRange.MOST_PAGES);
  }

  private static long bytes(String what, String word, long mostPages) {
    int plus = word.indexOf('+');
    if (plus < 0) {
      return number(what, word, mostPages) * PageRange.PAGE_BYTES;
    }
    return number(what, word.substring(0, plus), mostPages) * PageRange.PAGE_BYTES
        + number(what, word.substring(plus + 1), PageRange.PAGE_BYTES);
  }
}
