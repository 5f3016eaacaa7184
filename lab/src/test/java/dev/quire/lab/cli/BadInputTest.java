package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.quire.bindings.NativeLibraryException;
import dev.quire.emulator.boot.BadGuestException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each mistake gives one clear line on standard error and the exit code of the contract. */
class BadInputTest {
  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bot hello-x86_64                             | unknown command 'bot', did you mean boot?",
        "tlb hello-x86_64 --stream chase              | give a guest or --stream, not both",
        "tlb hello-arm64 --host-pages 16k:mthp-32k     | unknown host page policy '16k:mthp-32k'",
        "tlb hello-x86_64 --host-pages 16k:thp         | 16k base pages are arm64's; for x86_64",
        "tlb --stream chase --host-events 1            | --host-events are for a guest: a stream"
            + " has",
        "boot hello-x86_64 --fragmentation 2           | --fragmentation 2.0 is out of range: 0 to"
            + " 1",
        "boot hello-x86_64 --host-events 1:0           | host events a million instructions: above",
        "boot hello-x86_64 --host-events x             | SEED is a whole number",
        "boot hello-x86_64 --host-events 1:2:3:4       | are not SEED[:RATE[:KIND+KIND..]]",
        "boot hello-x86_64 --host-events 1:2:merge     | unknown host event 'merge'; choose of"
            + " unmap",
        "tlb hello-arm64 --host-pages hugetlb-1g       | not a multiple of the 1073741824-byte",
        "tlb                                          | name a guest, or accesses to replay",
        "tlb --stream walk                            | unknown stream 'walk': choose one of"
            + " sequential,",
        "tlb --stream chase:pages=0                   | pages=0 is out of range: 1 to",
        "tlb --stream chase:steps=4                   | unknown parameter 'steps': chase takes",
        "tlb --stream uniform:bytes=1K,pages=4        | bytes and pages are the same thing",
        "tlb --stream uniform:bytes                   | 'bytes' lacks a value: bytes=64M",
        "tlb --stream uniform:bytes=many              | bytes=many is not a number such as 64, 4K"
            + " or 64M",
        "tlb --stream uniform:bytes=99999G            | bytes=99999G is out of range: 8 to"
            + " 68719476736",
        "tlb --stream grid:order=spiral               | order=spiral is not one of rows, columns,"
            + " tiles",
        "tlb --stream uniform:write=2                 | write=2 is out of range",
        "tlb --stream uniform:base=1                  | base=1 is not a multiple of 4K",
        "tlb --stream lackey:/no/such/trace           | /no/such/trace: no such file",
        "tlb --stream trace:/                         | /: is a directory",
        "tlb --stream lackey                          | stream 'lackey' lacks a file: lackey:FILE",
        "tlb --stream chase --guest-pages 3k          | unknown guest pages '3k'; for x86_64 choose"
            + " one of 4k, 2m, 1g",
        "tlb --stream chase --guest-pages 64k-cont --arch x86_64 | arm64's guest pages '64k-cont';"
            + " for x86_64",
        "tlb --stream chase --host-pages thp+contpte  | +contpte goes with mthp-64k",
        "tlb --stream chase --host-pages 16k:thp --arch x86_64 | 16k base pages are arm64's; for"
            + " x86_64 choose",
        "tlb --stream chase --tlb skylake             | unknown TLB preset 'skylake': choose one"
            + " of",
        "tlb --stream chase --tlb /no/such.yaml       | /no/such.yaml: no such file",
        "tlb --stream chase --fragmentation 1.5       | --fragmentation 1.5 is out of range: 0 to"
            + " 1",
        "tlb --stream chase --warm-up -1              | --warm-up -1 is negative",
        "tlb --stream chase:count=10 --warm-up 10     | has 10 accesses: a warm-up of 10 leaves"
            + " none",
        "tlb --stream chase --fragmentation half      | 'half' is not a number",
        "tlb --stream chase:count=10 --warm-up 11     | has 10 accesses: a warm-up of" + " 11",
        "tlb --stream chase --arch riscv              | --arch 'riscv' is not one of x86_64, arm64",
        "tlb --stream chase --native --guest-pages 4k | --native has no guest",
        "tlb --stream chase --record x --report y     | --record only writes the stream",
        "tlb --stream chase --record x --native       | --record only writes the stream",
        "tlb --stream chase --record x --json y       | --record only writes the stream",
        "tlb --stream chase --record /no/folder/x     | cannot write --record /no/folder/x: there"
            + " is no folder",
        "tlb-presets zen5                             | unknown TLB preset 'zen5'",
        "tlb-presets /                                | /: is a directory",
        "serve --listen x                             | --listen x: give unix:PATH or"
            + " tcp:HOST:PORT",
        "boot                                         | Missing required parameter: 'GUEST'",
        "boot helo                                    | did you mean hello-",
        "boot hello-x86_65                            | did you mean hello-x86_64?",
        "boot no-guest-at-all                         | neither a built-in guest nor a file",
        "boot /no/such/file                           | /no/such/file: no such file",
        "boot /                                       | /: is a directory",
        "boot hello-x86_64 --memroy 64M               | did you mean --memory?",
        "boot hello-x86_64 --tlb skylake              | --tlb needs --measure",
        "boot hello-x86_64 --gdb=1234                 | '--gdb' is not available in this version",
        "boot hello-x86_64 --memory 0                 | '0' is out of range: 2M to 256G",
        "boot hello-x86_64 --memory 99999999999G      | out of range",
        "boot hello-x86_64 --memory 67108865          | not a whole number of 4 KiB pages",
        "boot hello-x86_64 --memory much              | 'much' is not a memory size",
        "boot hello-x86_64 --memory -64M              | '-64M' is not a memory size",
        "boot hello-x86_64 --smp 0                    | --smp 0 is not positive",
        "boot hello-x86_64 --host-kernel linux-6.17   | unknown host kernel 'linux-6.17'; choose"
            + " one",
        "boot hello-x86_64 --host-pages 3k            | unknown host page policy '3k'; choose one"
            + " of",
        "boot hello-arm64 --host-pages 4k+contpte     | +contpte goes with mthp-64k, mthp-128k",
        "boot hello-x86_64 --host-pages hugetlb-1g    | not a multiple of the 1073741824-byte"
            + " pages",
        "boot hello-x86_64 --smp two                  | 'two' is not a whole number",
        "boot hello-x86_64 --max-instructions 0       | --max-instructions 0 is not positive",
        "boot hello-x86_64 --max-instructions 1e9     | '1e9' is not a whole number",
        "boot hello-x86_64 --timeout 0                | --timeout 0.0 is out of range",
        "boot hello-x86_64 --timeout NaN              | --timeout NaN is out of range",
        "boot hello-x86_64 --arch riscv               | --arch 'riscv' is not one of x86_64, arm64",
        "boot hello-x86_64 --initrd /no/such/initrd   | /no/such/initrd: no such file",
        "images --report x.html                       | unknown option '--report'",
        "images extra                                 | unknown argument 'extra'",
        "images --json /no/such/folder/file           | cannot write --json /no/such/folder/file",
        "doctor --seed x                              | 'x' is not a whole number",
      })
  void badUsageGivesOneLineAndExitCode2(String commandLine, String message) {
    assertThat(quire.run(commandLine.trim().split(" "))).isEqualTo(2);
    assertThat(quire.err()).contains(message).startsWith("quire").hasLineCount(1);
    assertThat(quire.out()).isEmpty();
  }

  @Test
  void noCommandShowsTheUsage() {
    assertThat(quire.run()).isEqualTo(2);
    assertThat(quire.err()).contains("Usage: quire", "boot", "doctor").doesNotContain("warm-up");
  }

  @Test
  void anUnreadableFileIsNamed() throws IOException {
    Path huge = folder.resolve("huge");
    Files.createFile(huge);
    try (var file = new java.io.RandomAccessFile(huge.toFile(), "rw")) {
      file.setLength((1L << 30) + 1);
    }
    assertThat(quire.run("boot", huge.toString())).isEqualTo(2);
    assertThat(quire.err()).contains(huge + ": is 1073741825 bytes long");
  }

  @Test
  void aGuestThatTheMachineRefusesGivesExitCode2() {
    quire.runner.refusal = new BadGuestException("kernel", "segment at 0x0 lies outside memory");
    assertThat(quire.run("boot", "hello-x86_64")).isEqualTo(2);
    assertThat(quire.err()).isEqualTo("quire boot: kernel: segment at 0x0 lies outside memory\n");
  }

  @Test
  void resultsThatCannotBeWrittenAreAnInputErrorNotADefect() {
    Path full = Path.of("/dev/full");
    assumeThat(full).exists();
    assertThat(quire.run("boot", "hello-x86_64", "--json", full.toString())).isEqualTo(2);
    assertThat(quire.err())
        .startsWith("quire boot: cannot write --json /dev/full: ")
        .hasLineCount(1);
  }

  @Test
  void aMissingLibraryGivesExitCode3() {
    quire.runner.refusal = new NativeLibraryException("no usable libunicorn: do this");
    assertThat(quire.run("boot", "hello-x86_64")).isEqualTo(3);
    assertThat(quire.err()).isEqualTo("quire boot: no usable libunicorn: do this\n");
  }

  @Test
  void aDefectOfOursShowsNoStackTraceUnlessAskedFor() {
    quire.runner.refusal = new IllegalStateException("broken\ninside");
    assertThat(quire.run("boot", "hello-x86_64")).isEqualTo(1);
    assertThat(quire.err()).contains("internal error").doesNotContain("\tat ").hasLineCount(1);

    assertThat(quire.run("boot", "hello-x86_64", "--debug")).isEqualTo(1);
    assertThat(quire.err()).contains("\tat dev.quire.lab.cli");
  }

  @Test
  void debugAmongTheGuestsArgumentsIsTheGuests() {
    quire.runner.refusal = new IllegalStateException("broken");
    assertThat(quire.run("boot", "hello-x86_64", "--", "--debug")).isEqualTo(1);
    assertThat(quire.err()).doesNotContain("\tat ");
    assertThat(quire.runner.request.commandLine()).isEqualTo("--debug");
  }
}
