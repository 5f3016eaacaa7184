package dev.quire.lab.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

class AtomicFileTest {
  private static final byte[] NEW = "new".getBytes(StandardCharsets.UTF_8);

  @TempDir Path folder;

  private long files() throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.count();
    }
  }

  @Test
  void theOldContentStandsUntilTheNewOneIsCommitted() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "old");
    try (AtomicFile given = AtomicFile.open(file)) {
      try (OutputStream stream = given.stream()) {
        stream.write(NEW);
      }
      assertThat(file).hasContent("old");
    }
    assertThat(file).as("given up").hasContent("old");
    AtomicFile.write(file, NEW);
    assertThat(file).hasContent("new");
    AtomicFile.write(folder.resolve("g"), NEW);
    assertThat(folder.resolve("g")).hasContent("new");
    assertThat(files()).as("nothing is left beside them").isEqualTo(2);
  }

  @Test
  void aLinkStaysOne() throws IOException {
    Path file = Files.writeString(folder.resolve("f"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("f"));
    AtomicFile.write(link, NEW);
    assertThat(link).isSymbolicLink();
    assertThat(file).hasContent("new");
  }

  /** So that --report /dev/null, by root, leaves the device where it is. */
  @Test
  @Timeout(30)
  void aPipeIsWrittenToAndNotReplaced() throws Exception {
    Path pipe = folder.resolve("pipe");
    Process mkfifo;
    try {
      mkfifo = new ProcessBuilder("mkfifo", pipe.toString()).start();
    } catch (IOException e) {
      assumeTrue(false, "there is no mkfifo");
      return;
    }
    assertThat(mkfifo.waitFor(10, TimeUnit.SECONDS)).isTrue();
    CompletableFuture<String> read =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return Files.readString(pipe);
              } catch (IOException e) {
                return e.toString();
              }
            });
    AtomicFile.write(pipe, NEW);
    assertThat(Files.isRegularFile(pipe)).isFalse();
    assertThat(read.get(10, TimeUnit.SECONDS)).isEqualTo("new");
  }
}
