package dev.quire.lab.stream;

import dev.quire.lab.stream.StreamKind.Parameter;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A stream as the user names it: {@code kind:key=value,...}, {@code lackey:FILE} or {@code
 * trace:FILE}. Opening it again gives the same accesses again.
 */
public final class StreamSpec {
  private static final String LACKEY = "lackey";
  private static final String TRACE = "trace";
  private static final long KIB = 1L << 10;
  private static final long LARGEST = 64L << 30;
  private static final long PAGE = 4 * KIB;
  private static final int MOST_UNITS = 1 << 26;

  private final String text;
  private final long footprintBytes;
  private final Opener opener;

  /** Starts a stream from its beginning. */
  private interface Opener {
    AccessStream open(long seed);
  }

  private StreamSpec(String text, long footprintBytes, Opener opener) {
    this.text = text;
    this.footprintBytes = footprintBytes;
    this.opener = opener;
  }

  /** As the user wrote it. */
  @Override
  public String toString() {
    return text;
  }

  /** The range of addresses it is spread over; 0 if it is read from a file. */
  public long footprintBytes() {
    return footprintBytes;
  }

  /**
   * Starts it from the beginning.
   *
   * @param seed of its random choices, unless it names one itself
   * @throws BadStreamException if its file cannot be read
   */
  public AccessStream open(long seed) {
    return opener.open(seed);
  }

  /**
   * Reads a stream's name.
   *
   * @throws BadStreamException with a line for the user
   */
  public static StreamSpec parse(String text) {
    int colon = text.indexOf(':');
    String kind = colon < 0 ? text : text.substring(0, colon);
    String rest = colon < 0 ? "" : text.substring(colon + 1);
    if (kind.equals(LACKEY) || kind.equals(TRACE)) {
      if (rest.isEmpty()) {
        throw new BadStreamException("stream '%s' lacks a file: %s:FILE".formatted(text, kind));
      }
      return ofFile(text, kind, rest);
    }
    for (StreamKind synthetic : StreamKind.values()) {
      if (synthetic.text().equals(kind)) {
        Values values = new Values(text, synthetic, rest);
        // Once now, so that a mistake is told before anything starts.
        values.check();
        return new StreamSpec(text, values.footprintBytes(), values::open);
      }
    }
    throw new BadStreamException(
        "unknown stream '%s': choose one of %s, or lackey:FILE, trace:FILE"
            .formatted(text, String.join(", ", kinds())));
  }

  private static StreamSpec ofFile(String text, String kind, String name) {
    Path file;
    try {
      file = Path.of(name);
    } catch (InvalidPathException e) {
      throw new BadStreamException("stream '%s': not the name of a file".formatted(kind), e);
    }
    StreamSpec spec =
        new StreamSpec(
            text,
            0,
            seed -> kind.equals(LACKEY) ? LackeyStream.open(file) : TraceStream.open(file));
    // A pipe can be read once only; of anything else a mistake is told before anything starts.
    if (!Files.exists(file) || Files.isRegularFile(file) || Files.isDirectory(file)) {
      spec.open(0).close();
    }
    return spec;
  }

  private static List<String> kinds() {
    List<String> names = new ArrayList<>();
    for (StreamKind kind : StreamKind.values()) {
      names.add(kind.text());
    }
    return names;
  }

  /** The parameters of one synthetic stream. */
  private static final class Values {
    private final String text;
    private final StreamKind kind;
    private final Map<Parameter, String> given = new EnumMap<>(Parameter.class);

    Values(String text, StreamKind kind, String pairs) {
      this.text = text;
      this.kind = kind;
      if (!pairs.isEmpty()) {
        for (String pair : pairs.split(",", -1)) {
          add(pair);
        }
      }
      if (given.containsKey(Parameter.BYTES) && given.containsKey(Parameter.PAGES)) {
        throw bad("bytes and pages are the same thing: give one of them");
      }
    }

    private void add(String pair) {
      int equals = pair.indexOf('=');
      String key = equals < 0 ? pair : pair.substring(0, equals);
      List<String> known = new ArrayList<>();
      for (Parameter parameter : Parameter.values()) {
        if (kind.takes(parameter)) {
          known.add(parameter.key());
          if (parameter.key().equals(key)) {
            if (equals < 0 || equals == pair.length() - 1) {
              throw bad("'%s' lacks a value: %s=%s".formatted(key, key, parameter.usual()));
            }
            if (given.put(parameter, pair.substring(equals + 1)) != null) {
              throw bad("'%s' is given twice".formatted(key));
            }
            return;
          }
        }
      }
      throw bad(
          "unknown parameter '%s': %s takes %s"
              .formatted(key, kind.text(), String.join(", ", known)));
    }

    /** Builds the stream without its large tables, for the sake of the refusals. */
    void check() {
      StreamParameters common = common(0);
      switch (kind) {
        case SEQUENTIAL -> within(common, Parameter.STEP);
        case STRIDE -> within(common, Parameter.STRIDE);
        case UNIFORM -> within(common, Parameter.ALIGN);
        case ZIPF -> {
          units(common, Parameter.UNIT);
          exponent();
        }
        case CHASE -> units(common, Parameter.NODE);
        case GRID -> grid(common);
      }
    }

    AccessStream open(long seed) {
      StreamParameters common = common(seed);
      return switch (kind) {
        case SEQUENTIAL -> new StrideStream(common, within(common, Parameter.STEP));
        case STRIDE -> new StrideStream(common, within(common, Parameter.STRIDE));
        case UNIFORM -> new UniformStream(common, within(common, Parameter.ALIGN));
        case ZIPF -> new ZipfStream(common, units(common, Parameter.UNIT), exponent());
        case CHASE -> new ChaseStream(common, units(common, Parameter.NODE));
        case GRID -> grid(common);
      };
    }

    private StreamParameters common(long seed) {
      long bytes = footprintBytes();
      long base = size(Parameter.BASE, 0, PackedAccess.HIGHEST_VA);
      if (base % PAGE != 0 || base > PackedAccess.HIGHEST_VA + 1 - bytes) {
        throw bad("base=" + value(Parameter.BASE) + " is not a multiple of 4K below 128T - bytes");
      }
      double writeShare = real(Parameter.WRITE, 0, 1);
      long ownSeed = given.containsKey(Parameter.SEED) ? seed() : seed;
      return new StreamParameters(base, bytes, count(), writeShare, ownSeed);
    }

    long footprintBytes() {
      return kind == StreamKind.GRID ? gridBytes() : bytes();
    }

    private long bytes() {
      if (given.containsKey(Parameter.PAGES)) {
        return PAGE * number(Parameter.PAGES, 1000, 1, LARGEST / PAGE);
      }
      return size(Parameter.BYTES, 8, LARGEST);
    }

    private long gridBytes() {
      long rows = number(Parameter.ROWS, 1000, 1, Integer.MAX_VALUE);
      long pitch = pitch();
      if (pitch > LARGEST / rows) {
        throw bad("rows x pitch is above 64G");
      }
      return rows * pitch;
    }

    private long pitch() {
      long row =
          number(Parameter.COLUMNS, 1000, 1, Integer.MAX_VALUE)
              * size(Parameter.ELEMENT, 1, 1 << 20);
      if (!given.containsKey(Parameter.PITCH)) {
        return row;
      }
      long pitch = size(Parameter.PITCH, 1, LARGEST);
      if (pitch < row) {
        throw bad("pitch=%s is less than a row of %d bytes".formatted(value(Parameter.PITCH), row));
      }
      return pitch;
    }

    private GridStream grid(StreamParameters common) {
      int rows = (int) number(Parameter.ROWS, 1000, 1, Integer.MAX_VALUE);
      int columns = (int) number(Parameter.COLUMNS, 1000, 1, Integer.MAX_VALUE);
      int tile = (int) number(Parameter.TILE, 1000, 1, Integer.MAX_VALUE);
      long element = size(Parameter.ELEMENT, 1, 1 << 20);
      return switch (value(Parameter.ORDER)) {
        case "rows" -> new GridStream(common, rows, columns, pitch(), element, 1, columns);
        case "columns" -> new GridStream(common, rows, columns, pitch(), element, rows, 1);
        case "tiles" ->
            new GridStream(
                common,
                rows,
                columns,
                pitch(),
                element,
                Math.min(tile, rows),
                Math.min(tile, columns));
        default ->
            throw bad("order=" + value(Parameter.ORDER) + " is not one of rows, columns, tiles");
      };
    }

    /** A distance inside the range. */
    private long within(StreamParameters common, Parameter parameter) {
      return size(parameter, 1, common.bytes());
    }

    /** The size of a unit of which there are few enough to be numbered. */
    private long units(StreamParameters common, Parameter parameter) {
      long unit = size(parameter, 1, common.bytes());
      if (common.bytes() / unit > MOST_UNITS) {
        throw bad(
            "%d units of %s=%s are above %d: make it larger"
                .formatted(common.bytes() / unit, parameter.key(), value(parameter), MOST_UNITS));
      }
      return unit;
    }

    private double exponent() {
      return real(Parameter.EXPONENT, Double.MIN_VALUE, 8);
    }

    private long count() {
      return number(Parameter.COUNT, 1000, 1, 1L << 50);
    }

    private long seed() {
      try {
        return Long.parseLong(value(Parameter.SEED));
      } catch (NumberFormatException e) {
        throw bad("seed=" + value(Parameter.SEED) + " is not a whole number");
      }
    }

    private String value(Parameter parameter) {
      return given.getOrDefault(parameter, parameter.usual());
    }

    /** Bytes: K, M, G are powers of 1024. */
    private long size(Parameter parameter, long least, long most) {
      return number(parameter, KIB, least, most);
    }

    private long number(Parameter parameter, long thousand, long least, long most) {
      String value = value(parameter);
      String what = parameter.key() + "=" + value;
      int last = value.length() - 1;
      long unit =
          switch (value.toUpperCase(Locale.ROOT).charAt(last)) {
            case 'K' -> thousand;
            case 'M' -> thousand * thousand;
            case 'G' -> thousand * thousand * thousand;
            default -> 1;
          };
      long number;
      try {
        number = Long.parseLong(unit == 1 ? value : value.substring(0, last));
      } catch (NumberFormatException e) {
        throw bad(what + " is not a number such as 64, 4K or 64M");
      }
      if (number < 0 || number > most / unit || number * unit < least) {
        throw bad(what + " is out of range: %d to %d".formatted(least, most));
      }
      return number * unit;
    }

    private double real(Parameter parameter, double least, double most) {
      String what = parameter.key() + "=" + value(parameter);
      try {
        double number = Double.parseDouble(value(parameter));
        if (number >= least && number <= most) {
          return number;
        }
      } catch (NumberFormatException e) {
        throw bad(what + " is not a number");
      }
      throw bad(what + " is out of range: " + parameter.meaning());
    }

    private BadStreamException bad(String problem) {
      return new BadStreamException("stream '" + text + "': " + problem);
    }
  }
}
