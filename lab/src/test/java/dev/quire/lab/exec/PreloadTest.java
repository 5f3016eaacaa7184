package dev.quire.lab.exec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PreloadTest {
  @TempDir Path cache;

  private final SourceLibrary.Recipe small =
      new SourceLibrary.Recipe(
          "report.o",
          "/dev/quire/kvm/preload",
          List.of("report.c", "report.h", "real.h"),
          List.of("-c"));

  @Test
  void everySourceOfThePreloadLibraryIsPacked() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("../kvm-shim/preload"))) {
      List<String> sources =
          files
              .map(file -> file.getFileName().toString())
              .filter(name -> name.endsWith(".c") || name.endsWith(".h"))
              .toList();
      assertThat(Preload.RECIPE.sources()).containsExactlyInAnyOrderElementsOf(sources);
    }
  }

  @Test
  void whatIsBuiltOnceIsFoundAgain() throws IOException {
    SourceLibrary library = new SourceLibrary(cache, System.getenv("PATH"));
    assumeThat(library.compiler(ProgramArch.ofMachine())).as("a C compiler").isNotNull();
    assertThat(library.isBuilt(small, ProgramArch.ofMachine())).isFalse();
    Path built = library.build(small, ProgramArch.ofMachine());
    assertThat(built).isNotEmptyFile().startsWith(cache);
    assertThat(library.isBuilt(small, ProgramArch.ofMachine())).isTrue();
    Files.writeString(built, "kept");
    assertThat(library.build(small, ProgramArch.ofMachine())).hasContent("kept");
    try (Stream<Path> left = Files.list(built.getParent())) {
      assertThat(left).containsExactly(built);
    }
  }

  @Test
  void withoutACompilerTheMessageSaysWhatToInstall() {
    SourceLibrary library = new SourceLibrary(cache, cache.toString());
    assertThatThrownBy(() -> library.build(small, ProgramArch.ofMachine()))
        .isInstanceOf(MissingToolException.class)
        .hasMessageContaining("install gcc and libc6-dev");
    ProgramArch other =
        ProgramArch.ofMachine() == ProgramArch.ARM64 ? ProgramArch.X86_64 : ProgramArch.ARM64;
    assertThatThrownBy(() -> library.build(small, other))
        .hasMessageContaining(other.crossCompiler());
  }

  @Test
  void aCompilerThatFailsIsQuotedAndLeavesNothing() throws IOException {
    Path compiler =
        Files.writeString(cache.resolve("cc"), "#!/bin/sh\necho error: no stdio.h\nexit 1\n");
    assertThat(compiler.toFile().setExecutable(true)).isTrue();
    SourceLibrary library = new SourceLibrary(cache, cache.toString());
    assertThatThrownBy(() -> library.build(small, ProgramArch.ofMachine()))
        .isInstanceOf(MissingToolException.class)
        .hasMessageContaining("error: no stdio.h");
    try (Stream<Path> left = Files.walk(cache.resolve("preload")).filter(Files::isRegularFile)) {
      assertThat(left).isEmpty();
    }
  }
}
