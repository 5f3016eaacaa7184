package dev.quire.emulator.boot;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/** Makes small ELF executables for tests; everything in them can be wrong on purpose. */
public final class ElfBuilder {
  private record Segment(long vaddr, long paddr, long memoryBytes, byte[] content) {}

  private final boolean is64;
  private final int machine;
  private final List<Segment> segments = new ArrayList<>();
  private long entry;
  private int type = 2;
  private byte[] prefix = new byte[0];

  private ElfBuilder(boolean is64, int machine) {
    this.is64 = is64;
    this.machine = machine;
  }

  public static ElfBuilder elf64(int machine) {
    return new ElfBuilder(true, machine);
  }

  public static ElfBuilder elf32(int machine) {
    return new ElfBuilder(false, machine);
  }

  public ElfBuilder entry(long address) {
    entry = address;
    return this;
  }

  public ElfBuilder type(int value) {
    type = value;
    return this;
  }

  /** Bytes right behind the headers, for a Multiboot header. */
  public ElfBuilder prefix(byte[] bytes) {
    prefix = bytes;
    return this;
  }

  public ElfBuilder segment(long address, long memoryBytes, byte... content) {
    return segment(address, address, memoryBytes, content);
  }

  public ElfBuilder segment(long vaddr, long paddr, long memoryBytes, byte[] content) {
    segments.add(new Segment(vaddr, paddr, memoryBytes, content));
    return this;
  }

  public byte[] build() {
    int headers = is64 ? 64 + 56 * segments.size() : 52 + 32 * segments.size();
    int bytes = headers + prefix.length;
    for (Segment segment : segments) {
      bytes += segment.content.length;
    }
    ByteBuffer file = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    file.putInt(0x464c457f).put((byte) (is64 ? 2 : 1)).put((byte) 1).put((byte) 1).position(16);
    file.putShort((short) type).putShort((short) machine).putInt(1);
    putWord(file, entry);
    putWord(file, is64 ? 64 : 52);
    putWord(file, 0);
    file.putInt(0).putShort((short) (is64 ? 64 : 52)).putShort((short) (is64 ? 56 : 32));
    file.putShort((short) segments.size()).position(is64 ? 64 : 52);
    int offset = headers + prefix.length;
    for (Segment segment : segments) {
      putProgramHeader(file, segment, offset);
      offset += segment.content.length;
    }
    file.put(prefix);
    segments.forEach(segment -> file.put(segment.content));
    return file.array();
  }

  public GuestFile file() {
    return new GuestFile("guest.elf", build());
  }

  private void putProgramHeader(ByteBuffer file, Segment segment, int offset) {
    file.putInt(1);
    if (is64) {
      file.putInt(7).putLong(offset).putLong(segment.vaddr).putLong(segment.paddr);
      file.putLong(segment.content.length).putLong(segment.memoryBytes).putLong(4096);
    } else {
      file.putInt(offset).putInt((int) segment.vaddr).putInt((int) segment.paddr);
      file.putInt(segment.content.length).putInt((int) segment.memoryBytes).putInt(7).putInt(4096);
    }
  }

  private void putWord(ByteBuffer file, long value) {
    if (is64) {
      file.putLong(value);
    } else {
      file.putInt((int) value);
    }
  }
}
