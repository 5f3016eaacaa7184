package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.quire.lab.exec.ProgramArch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Other people's programs, unmodified, under the service. In the full profile only. */
class KvmClientsTest {
  private static final boolean FULL = Integer.getInteger("quire.test.scale", 1) > 1;
  private static final Pattern FAILED =
      Pattern.compile("^test (\\S+) \\.\\.\\. FAILED$", Pattern.MULTILINE);
  private static final Pattern PASSED =
      Pattern.compile("^test (\\S+) \\.\\.\\. ok$", Pattern.MULTILINE);
  private static final int BUILD_MINUTES = 10;
  private static final int MISSING = 3;

  /** With the reasons in docs/KVM-CLIENTS.md. */
  private static final Set<String> KNOWN_TO_FAIL =
      Set.of(
          "ioctls::vcpu::tests::test_get_and_set_nested_state",
          "ioctls::vcpu::tests::test_run_code",
          "ioctls::vm::tests::test_clock");

  @TempDir Path folder;

  private KvmPrograms programs;

  @BeforeEach
  void inFullProfile() {
    assumeThat(FULL).as("full profile").isTrue();
    programs = new KvmPrograms(folder);
    assumeThat(programs.compiles(ProgramArch.X86_64) && ProgramArch.X86_64.isNative())
        .as("an x86-64 machine with a C compiler")
        .isTrue();
  }

  /** Downloads and builds; skips the test, with the script's own words, where that cannot be. */
  private Path kvmIoctlsTests() throws IOException, InterruptedException {
    Path out = folder.resolve("build.out");
    Path err = folder.resolve("build.err");
    Process build =
        new ProcessBuilder("src/test/sh/kvm-ioctls.sh", folder.resolve("kvm-ioctls").toString())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile())
            .start();
    boolean ended = build.waitFor(BUILD_MINUTES, TimeUnit.MINUTES);
    if (!ended) {
      build.destroyForcibly().waitFor();
    }
    assumeThat(ended && build.exitValue() != MISSING).as(Files.readString(err)).isTrue();
    assertThat(build.exitValue()).as(Files.readString(err)).isZero();
    return Path.of(Files.readString(out).strip());
  }

  private static Set<String> names(Pattern pattern, String out) {
    Set<String> names = new TreeSet<>();
    Matcher matcher = pattern.matcher(out);
    while (matcher.find()) {
      names.add(matcher.group(1));
    }
    return names;
  }

  @Test
  void theUnitTestsOfKvmIoctlsPass() throws IOException, InterruptedException {
    Path tests = kvmIoctlsTests();
    String out = programs.run(tests, "--test-threads=1").out();
    assertThat(names(PASSED, out)).as(out).hasSizeGreaterThanOrEqualTo(64);
    assertThat(names(FAILED, out)).isSubsetOf(KNOWN_TO_FAIL);
  }

  @Test
  void qemuBootsAMultibootKernel() throws IOException, InterruptedException {
    assumeThat(KvmPrograms.isOnPath("qemu-system-x86_64")).as("qemu-system-x86_64").isTrue();
    List<String> machine = List.of("-accel", "kvm", "-cpu", "qemu64", "-nodefaults", "-m", "64M");
    List<String> console = List.of("-display", "none", "-serial", "stdio", "-no-reboot");
    List<String> exit = List.of("-device", "isa-debug-exit,iobase=0xf4,iosize=4");
    String kernel = Path.of("../images/bin/multiboot-x86_64").toAbsolutePath().toString();
    List<String> arguments = new ArrayList<>(machine);
    arguments.addAll(console);
    arguments.addAll(exit);
    arguments.addAll(List.of("-kernel", kernel));
    KvmPrograms.Ending ending =
        programs.run(Path.of("qemu-system-x86_64"), arguments.toArray(new String[0]));
    assertThat(ending.out()).as(ending.err()).contains("PASS multiboot-x86_64");
  }
}
