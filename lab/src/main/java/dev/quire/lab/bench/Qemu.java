package dev.quire.lab.bench;

import dev.quire.emulator.boot.GuestFile;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The same guest under QEMU's own translator, for comparison: one vCPU, no display. */
final class Qemu implements AutoCloseable {
  /** QEMU's exit status when a guest writes 0 to isa-debug-exit. */
  private static final int X86_PASS = 1;

  private final String arch;
  private final Path file;

  Qemu(String guest, GuestFile image, String arch) {
    this.arch = arch;
    try {
      file = Files.createTempFile(guest, ".elf");
      Files.write(file, image.bytes());
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write a temporary file", e);
    }
  }

  /** Whether this architecture's QEMU is on the path and its processor time can be told. */
  static boolean installed(String arch) {
    if (!CpuTime.knowsChildren()) {
      return false;
    }
    String program = program(arch);
    for (String folder : System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
      if (Files.isExecutable(Path.of(folder, program))) {
        return true;
      }
    }
    return false;
  }

  private static String program(String arch) {
    return arch.equals("arm64") ? "qemu-system-aarch64" : "qemu-system-" + arch;
  }

  /** Processor time of the guest with these arguments, QEMU's start included. */
  long cpuNanos(String arguments) {
    List<String> command = new ArrayList<>(List.of(program(arch), "-cpu", "max", "-m", "64"));
    command.addAll(List.of("-accel", "tcg,thread=single", "-smp", "1", "-no-reboot"));
    command.addAll(List.of("-display", "none", "-serial", "null", "-monitor", "none"));
    boolean arm64 = arch.equals("arm64");
    command.addAll(
        arm64
            ? List.of("-M", "virt,gic-version=2")
            : List.of("-device", "isa-debug-exit,iobase=0xf4,iosize=4"));
    command.addAll(List.of("-kernel", file.toString(), "-append", arguments));
    long start = CpuTime.children();
    ChildProcess.wallNanos(arm64 ? 0 : X86_PASS, command.toArray(new String[0]));
    return CpuTime.children() - start;
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      throw new UncheckedIOException("cannot delete " + file, e);
    }
  }
}
