package dev.quire.lab.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code quire serve} says to a user's mistakes. */
class ServeCommandTest {
  private static final String TLS = "--listen tcp:127.0.0.1:0 --tls-cert nocert --tls-key nokey";

  private final CommandLineHarness quire = new CommandLineHarness();

  @TempDir Path folder;

  private String refused(String arguments) {
    assertThat(quire.run(("serve " + arguments).split(" "))).isEqualTo(ExitCode.USAGE);
    return quire.err();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--listen foo | --listen foo: give unix:PATH or tcp:HOST:PORT",
        "--listen unix:s --arch mips | --arch mips: give x86_64 or arm64",
        "--listen unix:s --http nope | --http nope: give HOST:PORT",
        "--listen unix:s --max-vms 0 | --max-vms 0: give 1 or more",
        "--listen unix:s --max-processes 0 | --max-processes 0: give 1 or more",
        "--listen unix:s --max-running -1 | --max-running -1: give 0 or more",
        "--listen unix:s --idle -1 | --idle -1: give 0 or more",
        "--listen unix:s --timeout -1 | --timeout -1: give 0 or more",
        "--listen unix:s --max-memory 0 | --max-memory: '0' is out of range: 2M to 256G",
        "--listen tcp:127.0.0.1:0 | --listen tcp: needs --tls-cert, --tls-key and --token-file"
      })
  void mistakes(String arguments, String message) {
    assertThat(refused(arguments)).startsWith("quire serve: " + message).hasLineCount(1);
  }

  @Test
  void filesOfTlsAreNamed() throws IOException {
    Path token = folder.resolve("token");
    assertThat(refused(TLS + " --token-file " + token))
        .isEqualTo("quire serve: --token-file " + token + ": no such file\n");
    Files.writeString(token, "short\n");
    assertThat(refused(TLS + " --token-file " + token)).contains("at least 16");
    Files.writeString(token, "0123456789abcdef\n");
    assertThat(refused(TLS + " --token-file " + token)).contains("nocert", "nokey").hasLineCount(1);
    Files.write(token, new byte[] {(byte) 0xff, (byte) 0xfe});
    assertThat(refused(TLS + " --token-file " + token)).contains("--token-file", "no text");
  }

  /** Clients could not connect to it, though the service can make it. */
  @Test
  void socketPathsThatNoClientCanName() throws IOException {
    Path deep = Files.createDirectories(folder.resolve("d"));
    String name = "s".repeat(108 - deep.toString().length() - 1);
    assertThat(refused("--listen unix:" + deep.resolve(name) + " --timeout 1"))
        .contains("the socket's path is too long (107 bytes at most)");
    assertThat(deep).isEmptyDirectory();
  }

  @Test
  void reportsNeedAFolder() throws IOException {
    Path file = Files.createFile(folder.resolve("file"));
    assertThat(refused("--listen unix:s --report " + file))
        .isEqualTo("quire serve: --report " + file + ": this is a file; give a folder\n");
  }
}
