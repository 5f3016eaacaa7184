package dev.quire.bindings;

import java.util.List;

/**
 * A disassembler (libcapstone 4 or 5). For reports, never on a hot path. Owned by the thread that
 * opened it.
 */
public final class Capstone implements AutoCloseable {
  /** What to decode. */
  public enum Mode {
    X86_16,
    X86_32,
    X86_64,
    ARM64
  }

  private Capstone() {}

  /**
   * Opens a disassembler.
   *
   * @throws NativeLibraryException without a usable library
   */
  public static Capstone open(Mode mode) {
    NativeLibraries.capstone();
    return new Capstone();
  }

  /**
   * Decodes until the end of {@code code}, an undecodable byte, or {@code maximum} instructions.
   */
  public List<DisassembledInstruction> disassemble(byte[] code, long address, int maximum) {
    return List.of();
  }

  @Override
  public void close() {}
}
