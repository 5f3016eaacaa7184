package dev.quire.bindings;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/** The assembler sources of the hooks; skips a test where the host's assembler is missing. */
final class HookSource {
  private HookSource() {}

  /** What {@code src/main/asm/<prefix>_on_<host>.S} assembles to. */
  static byte[] assemble(String prefix, NativeStub.Host host, Path folder)
      throws IOException, InterruptedException {
    String tools =
        host == NativeStub.Host.current()
            ? ""
            : host == NativeStub.Host.AARCH64 ? "aarch64-linux-gnu-" : "x86_64-linux-gnu-";
    Tools.assumeCommand(tools + "gcc");
    Tools.assumeCommand(tools + "objcopy");
    String name = prefix + "_on_" + host.name().toLowerCase(Locale.ROOT);
    Path object = folder.resolve(name + ".o");
    Path binary = folder.resolve(name + ".bin");
    Path source = Path.of("src/main/asm", name + ".S");
    Tools.run(tools + "gcc", "-c", "-o", object.toString(), source.toString());
    Tools.run(
        tools + "objcopy", "-O", "binary", "-j", ".text", object.toString(), binary.toString());
    return Files.readAllBytes(binary);
  }
}
