package dev.quire.tests;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.quire.lab.cli.Quire;
import dev.quire.lab.exec.Preload;
import dev.quire.lab.exec.ProgramArch;
import dev.quire.lab.exec.ProgramFile;
import dev.quire.lab.exec.SourceLibrary;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The commands {@code quire serve} and {@code quire exec}, ended from outside under a program. */
@Timeout(value = 180, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class KvmCommandKillTest {
  private static final String RUNNING = "running ";
  private static final int SIGTERM_EXIT = 128 + 15;

  @TempDir Path folder;

  private final List<Process> started = new ArrayList<>();
  private Path program;

  @BeforeEach
  void compileTheProgram() throws IOException, InterruptedException {
    KvmPrograms programs = new KvmPrograms(folder);
    assumeThat(programs.compiles(ProgramArch.X86_64) && ProgramArch.X86_64.isNative())
        .as("an x86-64 machine with a C compiler")
        .isTrue();
    program = programs.compile("kvm_lost", ProgramArch.X86_64);
  }

  @AfterEach
  void endAll() throws InterruptedException {
    for (Process process : started) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly().waitFor();
    }
  }

  private Process start(ProcessBuilder builder, String name) throws IOException {
    Process process = builder.redirectError(folder.resolve(name + ".err").toFile()).start();
    started.add(process);
    return process;
  }

  private Process quire(String... arguments) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-XX:TieredStopAtLevel=1"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Quire.class.getName()));
    command.addAll(List.of(arguments));
    return start(new ProcessBuilder(command), arguments[0]);
  }

  /** The program's process, once its guest is about to run. */
  private static ProcessHandle running(BufferedReader out) throws IOException {
    String line = out.readLine();
    assertThat(line).startsWith(RUNNING);
    return ProcessHandle.of(Long.parseLong(line.substring(RUNNING.length()))).orElseThrow();
  }

  @Test
  void aProgramWhoseServiceIsKilledIsToldSo() throws Exception {
    Path socket = folder.resolve("kvm.sock");
    Process service = quire("serve", "--listen", "unix:" + socket);
    while (!Files.exists(socket)) {
      assertThat(service.isAlive()).isTrue();
      Thread.sleep(10);
    }
    Preload preload =
        new Preload(new SourceLibrary(folder.resolve("cache"), System.getenv("PATH")));
    ProgramFile file = ProgramFile.find(program.toString(), System.getenv("PATH"));
    Process client = start(preload.command(file, List.of(), socket), "client");
    try (BufferedReader out = client.inputReader()) {
      running(out);
      service.destroyForcibly().waitFor();
      assertThat(out.lines().collect(Collectors.joining("\n")))
          .isEqualTo(
              """
              KVM_RUN: Input/output error
              KVM_GET_REGS: Input/output error
              KVM_GET_API_VERSION: Input/output error
              open: Input/output error
              close: done\
              """);
    }
    assertThat(client.waitFor()).isZero();
    assertThat(Files.readString(folder.resolve("client.err")))
        .startsWith("quire: the KVM service is lost: ")
        .hasLineCount(1);
  }

  @Test
  void aProgramEndsWithItsCommand() throws Exception {
    Process command = quire("exec", "--", program.toString());
    try (BufferedReader out = command.inputReader()) {
      ProcessHandle its = running(out);
      command.destroy();
      assertThat(command.waitFor()).isEqualTo(SIGTERM_EXIT);
      assertThat(its.isAlive()).isFalse();
    }
  }

  /** What a shell would say of it. */
  @Test
  void aProgramThatASignalEndsGivesItsNumber() throws Exception {
    Process command = quire("exec", "--", program.toString());
    try (BufferedReader out = command.inputReader()) {
      running(out).destroyForcibly();
      assertThat(command.waitFor()).isEqualTo(128 + 9);
    }
  }
}
