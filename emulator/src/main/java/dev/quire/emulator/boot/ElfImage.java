package dev.quire.emulator.boot;

import java.util.ArrayList;
import java.util.List;

/**
 * What a loader needs of an ELF file: its machine, entry and loadable segments. Section headers are
 * never looked at, so stripped and hand-made files do. Source: System V ABI, ELF header and program
 * header; both classes are read by one reader with a table of offsets.
 *
 * @param entry e_entry, a virtual address by the standard
 */
public record ElfImage(boolean is64, int machine, long entry, List<Segment> segments) {
  public static final int MACHINE_386 = 3;
  public static final int MACHINE_X86_64 = 62;
  public static final int MACHINE_AARCH64 = 183;

  /** e_ident: magic, class, data, version. */
  private static final int MAGIC = 0x464c457f;

  private static final int IDENT_BYTES = 16;
  private static final int CLASS_OFFSET = 4;
  private static final int DATA_OFFSET = 5;
  private static final int CLASS_32 = 1;
  private static final int CLASS_64 = 2;
  private static final int DATA_LITTLE_ENDIAN = 1;
  private static final int TYPE_OFFSET = 16;
  private static final int MACHINE_OFFSET = 18;
  private static final int TYPE_EXECUTABLE = 2;
  private static final int LOADABLE = 1;
  private static final int MAX_HEADERS = 512;

  /** Where one class keeps its fields: offsets in the header, then in a program header. */
  private record Geometry(
      int headerBytes,
      int entry,
      int tableOffset,
      int entrySize,
      int count,
      int programHeaderBytes,
      int flags,
      int offset,
      int vaddr,
      int paddr,
      int fileBytes,
      int memoryBytes) {}

  private static final Geometry GEOMETRY_32 =
      new Geometry(52, 24, 28, 42, 44, 32, 24, 4, 8, 12, 16, 20);
  private static final Geometry GEOMETRY_64 =
      new Geometry(64, 24, 32, 54, 56, 56, 4, 8, 16, 24, 32, 40);

  /**
   * A PT_LOAD program header with memory.
   *
   * @param index its number in the file
   * @param flags bit 0 executable, 1 writable, 2 readable
   */
  public record Segment(
      int index, int flags, int offset, long vaddr, long paddr, int fileBytes, long memoryBytes) {
    boolean holdsVirtual(long address) {
      return Long.compareUnsigned(address - vaddr, memoryBytes) < 0;
    }

    boolean holdsPhysical(long address) {
      return Long.compareUnsigned(address - paddr, memoryBytes) < 0;
    }
  }

  /** Whether the file says it is ELF, rightly or not. */
  static boolean isElf(GuestFile file) {
    return file.length() >= 4 && file.i32(0) == MAGIC;
  }

  /** Reads a file that {@link #isElf}. */
  public static ElfImage read(GuestFile file) {
    file.require(0, IDENT_BYTES + 4, "the ELF header");
    int fileClass = file.u8(CLASS_OFFSET);
    if (fileClass != CLASS_32 && fileClass != CLASS_64) {
      throw file.bad(
          "ELF class %d at file offset 4 is neither 1 (32-bit) nor 2 (64-bit)", fileClass);
    }
    if (file.u8(DATA_OFFSET) != DATA_LITTLE_ENDIAN) {
      throw file.bad(
          "ELF data encoding %d at file offset 5 is not 1 (little-endian)", file.u8(DATA_OFFSET));
    }
    int type = file.u16(TYPE_OFFSET);
    if (type != TYPE_EXECUTABLE) {
      throw file.bad(
          "ELF type %d%s is not 2 (a fully linked executable); link with -static -no-pie",
          type, type == 3 ? " (position-independent or shared)" : "");
    }
    boolean is64 = fileClass == CLASS_64;
    Geometry geometry = is64 ? GEOMETRY_64 : GEOMETRY_32;
    file.require(0, geometry.headerBytes, "the ELF header");
    return new ElfImage(
        is64,
        file.u16(MACHINE_OFFSET),
        word(file, geometry.entry, is64),
        segments(file, geometry, is64));
  }

  /**
   * The guest physical address to start at: e_entry through the segment that maps it, or as it is
   * where it is a physical address already, as in a Linux vmlinux.
   */
  long entryGpa(GuestFile file) {
    for (Segment segment : segments) {
      if (segment.holdsVirtual(entry)) {
        return entry - segment.vaddr + segment.paddr;
      }
    }
    for (Segment segment : segments) {
      if (segment.holdsPhysical(entry)) {
        return entry;
      }
    }
    throw file.bad("entry point 0x%x lies in no loadable segment", entry);
  }

  /** Adds every segment at its physical address. */
  void loadInto(BootImage image, GuestFile file) {
    for (Segment segment : segments) {
      image.add(
          "segment " + segment.index,
          segment.paddr,
          segment.memoryBytes,
          file.bytes(),
          segment.offset,
          segment.fileBytes);
    }
  }

  private static List<Segment> segments(GuestFile file, Geometry geometry, boolean is64) {
    int count = file.u16(geometry.count);
    int entrySize = file.u16(geometry.entrySize);
    long table = word(file, geometry.tableOffset, is64);
    if (count == 0 || count > MAX_HEADERS) {
      throw file.bad("%d ELF program headers; expected 1 to %d", count, MAX_HEADERS);
    }
    if (entrySize != geometry.programHeaderBytes) {
      throw file.bad(
          "ELF program headers of %d bytes; expected %d", entrySize, geometry.programHeaderBytes);
    }
    file.require(table, (long) count * entrySize, "the ELF program header table");
    List<Segment> segments = new ArrayList<>();
    for (int index = 0; index < count; index++) {
      int at = (int) table + index * entrySize;
      if (file.i32(at) == LOADABLE && word(file, at + geometry.memoryBytes, is64) != 0) {
        segments.add(segment(file, geometry, is64, index, at));
      }
    }
    if (segments.isEmpty()) {
      throw file.bad("none of the %d ELF program headers is loadable", count);
    }
    return List.copyOf(segments);
  }

  private static Segment segment(
      GuestFile file, Geometry geometry, boolean is64, int index, int at) {
    long offset = word(file, at + geometry.offset, is64);
    long fileBytes = word(file, at + geometry.fileBytes, is64);
    long memoryBytes = word(file, at + geometry.memoryBytes, is64);
    if (fileBytes != 0) {
      file.require(offset, fileBytes, "segment " + index);
    }
    if (Long.compareUnsigned(memoryBytes, fileBytes) < 0) {
      throw file.bad(
          "segment %d has 0x%x bytes in the file but only 0x%x in memory",
          index, fileBytes, memoryBytes);
    }
    return new Segment(
        index,
        file.i32(at + geometry.flags),
        fileBytes == 0 ? 0 : (int) offset,
        word(file, at + geometry.vaddr, is64),
        word(file, at + geometry.paddr, is64),
        (int) fileBytes,
        memoryBytes);
  }

  private static long word(GuestFile file, int offset, boolean is64) {
    return is64 ? file.i64(offset) : file.u32(offset);
  }
}
