package dev.quire.lab.stream;

import java.util.List;
import java.util.Locale;

/**
 * The synthetic streams and their parameters: the one table behind the parser, the help and the
 * refusals.
 */
public enum StreamKind {
  SEQUENTIAL("rising addresses, again and again", List.of(Parameter.STEP)),
  STRIDE("rising addresses far apart", List.of(Parameter.STRIDE)),
  UNIFORM("any unit of the range, each as likely", List.of(Parameter.ALIGN)),
  ZIPF(
      "units by popularity: that of rank k with a probability as k^-s",
      List.of(Parameter.UNIT, Parameter.EXPONENT)),
  CHASE("a pointer chase: nodes linked into one random cycle", List.of(Parameter.NODE)),
  GRID(
      "a walk over a two-dimensional array stored row after row",
      List.of(
          Parameter.ROWS,
          Parameter.COLUMNS,
          Parameter.ELEMENT,
          Parameter.PITCH,
          Parameter.ORDER,
          Parameter.TILE));

  /** Parameters of every kind; a grid's size follows from its rows. */
  public static final List<Parameter> COMMON =
      List.of(
          Parameter.BYTES,
          Parameter.PAGES,
          Parameter.BASE,
          Parameter.COUNT,
          Parameter.WRITE,
          Parameter.SEED);

  private final String meaning;
  private final List<Parameter> own;

  StreamKind(String meaning, List<Parameter> own) {
    this.meaning = meaning;
    this.own = own;
  }

  /** As a stream is written. */
  public String text() {
    return name().toLowerCase(Locale.ROOT);
  }

  public String meaning() {
    return meaning;
  }

  /** Those that other kinds do not have. */
  public List<Parameter> own() {
    return own;
  }

  /** Whether a parameter goes with this kind. */
  boolean takes(Parameter parameter) {
    boolean range = parameter == Parameter.BYTES || parameter == Parameter.PAGES;
    return own.contains(parameter) || COMMON.contains(parameter) && !(this == GRID && range);
  }

  /** One {@code key=value} of a stream. */
  public enum Parameter {
    BYTES("bytes", "64M", "size of the range"),
    PAGES("pages", "", "the same in 4 KiB pages"),
    BASE("base", "1024G", "first address, whole 4 KiB pages"),
    COUNT("count", "10M", "accesses, one an instruction"),
    WRITE("write", "0", "share of writes, 0 to 1"),
    SEED("seed", "", "of random choices; without it --seed"),
    STEP("step", "8", "bytes from one access to the next"),
    STRIDE("stride", "4K", "bytes from one access to the next"),
    ALIGN("align", "8", "bytes of a unit"),
    UNIT("unit", "4K", "bytes of a unit"),
    EXPONENT("s", "0.99", "exponent, above 0, at most 8"),
    NODE("node", "4K", "bytes from one node to the next"),
    ROWS("rows", "4096", "rows"),
    COLUMNS("cols", "4096", "columns"),
    ELEMENT("element", "8", "bytes of an element"),
    PITCH("pitch", "", "bytes from row to row; without it cols x element"),
    ORDER("order", "columns", "rows, columns or tiles"),
    TILE("tile", "32", "rows and columns of a tile");

    private final String key;
    private final String usual;
    private final String meaning;

    Parameter(String key, String usual, String meaning) {
      this.key = key;
      this.usual = usual;
      this.meaning = meaning;
    }

    public String key() {
      return key;
    }

    /** The value when none is given; empty if that is computed. */
    public String usual() {
      return usual;
    }

    public String meaning() {
      return meaning;
    }
  }
}
