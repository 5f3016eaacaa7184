package dev.quire.emulator.snapshot;

import dev.quire.emulator.boot.BadGuestException;
import dev.quire.emulator.boot.GuestArchitecture;
import dev.quire.emulator.boot.GuestRam;
import dev.quire.emulator.json.BadJsonException;
import dev.quire.emulator.json.JsonValues;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** {@code machine.json}: a {@link SnapshotDescription} and, of a diff, what it lies on. */
record DescriptionJson(SnapshotDescription description, Base base) {
  private static final int LONGEST_TEXT = 64 * 1024;
  private static final int MOST_VCPUS = 255;

  /**
   * What a diff lies on; null for a full snapshot.
   *
   * @param path of the base's directory, as the diff's directory sees it if relative
   * @param identity of the base
   */
  record Base(String path, String identity) {}

  String text() {
    SnapshotDescription d = description;
    Map<String, Object> members = new LinkedHashMap<>();
    members.put("architecture", d.architecture().toString());
    members.put("memory_bytes", memoryBytes(d.ram()));
    List<Object> ranges = new ArrayList<>();
    d.ram().ranges().forEach(range -> ranges.add(List.of(range.gpa(), range.bytes())));
    members.put("ram", ranges);
    members.put("vcpus", (long) d.vcpus());
    members.put("guest", d.guest());
    members.put("command_line", d.commandLine());
    members.put("host_pages", d.hostPages());
    members.put("seed", d.seed());
    members.put("instructions", d.instructions());
    members.put("virtual_ns", d.virtualNanos());
    Map<String, Object> expected = null;
    if (d.expected() != null) {
      expected = new LinkedHashMap<>();
      expected.put("status", d.expected().status());
      expected.put("instructions", d.expected().instructions());
      expected.put("memory_hash", d.expected().memoryHash());
      expected.put("console_sha256", d.expected().consoleDigest());
      expected.put("console_bytes_before", d.expected().consoleBytesBefore());
    }
    members.put("expected", expected);
    Map<String, Object> onto = null;
    if (base != null) {
      onto = new LinkedHashMap<>();
      onto.put("path", base.path());
      onto.put("identity", base.identity());
    }
    members.put("base", onto);
    return JsonValues.lines(members);
  }

  private static long memoryBytes(GuestRam ram) {
    return ram.ranges().stream().mapToLong(GuestRam.Range::bytes).sum();
  }

  /**
   * Reads what {@link #text} wrote.
   *
   * @throws BadJsonException saying what is wrong
   */
  static DescriptionJson parse(String text) {
    Map<String, Object> members = JsonValues.object(text);
    GuestArchitecture architecture = GuestArchitecture.named(text(members, "architecture"));
    if (architecture == null) {
      throw new BadJsonException(
          "architecture '" + members.get("architecture") + "' is unknown", null);
    }
    GuestRam ram;
    try {
      ram = GuestRam.of(architecture, number(members, "memory_bytes", 0, GuestRam.MAX_BYTES));
    } catch (BadGuestException e) {
      throw new BadJsonException(e.getMessage(), e);
    }
    requireSame(members.get("ram"), ram);
    SnapshotDescription description =
        new SnapshotDescription(
            architecture,
            ram,
            (int) number(members, "vcpus", 1, MOST_VCPUS),
            text(members, "guest"),
            text(members, "command_line"),
            text(members, "host_pages"),
            number(members, "seed", Long.MIN_VALUE, Long.MAX_VALUE),
            number(members, "instructions", 0, Long.MAX_VALUE),
            number(members, "virtual_ns", 0, Long.MAX_VALUE),
            expected(members.get("expected")));
    return new DescriptionJson(description, base(members.get("base")));
  }

  /** Ranges are written for readers; the map of a machine follows from its memory. */
  private static void requireSame(Object ranges, GuestRam ram) {
    List<Object> expected = new ArrayList<>();
    ram.ranges().forEach(range -> expected.add(List.of(range.gpa(), range.bytes())));
    if (!expected.equals(ranges)) {
      throw new BadJsonException("RAM at " + ranges + ", where this machine has " + expected, null);
    }
  }

  private static SnapshotDescription.Expected expected(Object value) {
    if (value == null) {
      return null;
    }
    Map<String, Object> members = object(value, "expected");
    return new SnapshotDescription.Expected(
        text(members, "status"),
        number(members, "instructions", 0, Long.MAX_VALUE),
        text(members, "memory_hash"),
        text(members, "console_sha256"),
        number(members, "console_bytes_before", 0, Long.MAX_VALUE));
  }

  private static Base base(Object value) {
    if (value == null) {
      return null;
    }
    Map<String, Object> members = object(value, "base");
    return new Base(text(members, "path"), text(members, "identity"));
  }

  private static Map<String, Object> object(Object value, String name) {
    if (!(value instanceof Map<?, ?>)) {
      throw new BadJsonException("'" + name + "' is not an object", null);
    }
    @SuppressWarnings("unchecked")
    Map<String, Object> members = (Map<String, Object>) value;
    return members;
  }

  private static String text(Map<String, Object> members, String name) {
    if (members.get(name) instanceof String text && text.length() <= LONGEST_TEXT) {
      return text;
    }
    throw new BadJsonException("'" + name + "' is missing or no text", null);
  }

  private static long number(Map<String, Object> members, String name, long least, long most) {
    if (members.get(name) instanceof Long value && value >= least && value <= most) {
      return value;
    }
    throw new BadJsonException(
        "'%s' is %s, not a number of %d to %d".formatted(name, members.get(name), least, most),
        null);
  }
}
