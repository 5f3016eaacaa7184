package dev.quire.lab.exec;

import dev.quire.bindings.NativeStub;

/** Architectures that a program may be for, and what it takes to run one on this machine. */
public enum ProgramArch {
  X86_64("x86-64", 0x3e, "x86_64-linux-gnu-gcc", "qemu-x86_64", "/usr/x86_64-linux-gnu"),
  ARM64("arm64", 0xb7, "aarch64-linux-gnu-gcc", "qemu-aarch64", "/usr/aarch64-linux-gnu");

  private final String title;
  private final int elfMachine;
  private final String crossCompiler;
  private final String emulator;
  private final String crossRoot;

  ProgramArch(
      String title, int elfMachine, String crossCompiler, String emulator, String crossRoot) {
    this.title = title;
    this.elfMachine = elfMachine;
    this.crossCompiler = crossCompiler;
    this.emulator = emulator;
    this.crossRoot = crossRoot;
  }

  /** As the command line calls it. */
  public String title() {
    return title;
  }

  /** The compiler that makes its programs on a machine of another architecture. */
  String crossCompiler() {
    return crossCompiler;
  }

  /** QEMU's user mode for its programs. */
  String emulator() {
    return emulator;
  }

  /** Where a distribution's cross libraries, the dynamic loader among them, are. */
  String crossRoot() {
    return crossRoot;
  }

  /** Whether this machine is one. */
  public boolean isNative() {
    return this == ofMachine();
  }

  /**
   * This machine's.
   *
   * @throws dev.quire.bindings.NativeLibraryException if it is neither
   */
  public static ProgramArch ofMachine() {
    return NativeStub.Host.current() == NativeStub.Host.X86_64 ? X86_64 : ARM64;
  }

  /** By e_machine of an ELF header, or null. */
  static ProgramArch ofElf(int machine) {
    for (ProgramArch arch : values()) {
      if (arch.elfMachine == machine) {
        return arch;
      }
    }
    return null;
  }
}
