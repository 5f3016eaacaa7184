package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeLibrariesTest {
  @TempDir Path folder;

  @Test
  void theProcessHasAUnicornOfAtLeast214() {
    NativeLibrary library = NativeLibraries.unicorn();
    assertThat(library.version()).isGreaterThanOrEqualTo(0x02010400);
    assertThat(library.versionText()).startsWith("2.");
    assertThat(NativeLibraries.unicorn()).isSameAs(library);
  }

  @Test
  void theProcessHasACapstoneOfAKnownLayout() {
    assertThat(NativeLibraries.capstone().version() >>> 24).isBetween(4, 5);
  }

  @Test
  void anExplicitPathThatIsNotThereIsNamedAndNothingElseIsTried() {
    Map<String, String> environment =
        Map.of("QUIRE_LIBUNICORN", "/nowhere/libunicorn.so.2", "HOME", folder.toString());
    assertThatThrownBy(() -> NativeLibraries.findUnicorn(environment))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("/nowhere/libunicorn.so.2 (not there)")
        .hasMessageContaining("QUIRE_LIBUNICORN")
        .hasMessageNotContaining("\n");
  }

  @Test
  void aFileThatIsNoLibraryIsRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("libcapstone.so.5"), "not an ELF file");
    assertThatThrownBy(
            () -> NativeLibraries.findCapstone(Map.of("QUIRE_LIBCAPSTONE", file.toString())))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("not a loadable library");
  }

  @Test
  void aLibraryOfAnotherKindIsRefused() {
    String capstone = NativeLibraries.capstone().path().toString();
    assertThatThrownBy(() -> NativeLibraries.findUnicorn(Map.of("QUIRE_LIBUNICORN", capstone)))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("has no uc_version");
  }

  @Test
  void anOldUnicornIsRefusedWithItsVersion() throws Exception {
    Path source = Files.writeString(folder.resolve("old.c"), OLD_UNICORN);
    Path library = folder.resolve("libunicorn.so.2");
    Tools.assumeCommand("gcc");
    Tools.run("gcc", "-shared", "-fPIC", "-o", library.toString(), source.toString());
    assertThatThrownBy(
            () -> NativeLibraries.findUnicorn(Map.of("QUIRE_LIBUNICORN", library.toString())))
        .isInstanceOf(NativeLibraryException.class)
        .hasMessageContaining("version 2.1.1, 2.1.4 or a later 2.x needed");
  }

  private static final String OLD_UNICORN =
      "unsigned uc_version(unsigned *a, unsigned *b) { return 0x020101ff; }\n";

  @Test
  void theCacheFolderFollowsTheEnvironment() {
    assertThat(NativeLibraries.cacheFolder(Map.of("QUIRE_CACHE", "/c", "XDG_CACHE_HOME", "/x")))
        .isEqualTo(Path.of("/c/native/lib"));
    assertThat(NativeLibraries.cacheFolder(Map.of("XDG_CACHE_HOME", "/x", "HOME", "/h")))
        .isEqualTo(Path.of("/x/quire/native/lib"));
    assertThat(NativeLibraries.cacheFolder(Map.of("HOME", "/h", "QUIRE_CACHE", "")))
        .isEqualTo(Path.of("/h/.cache/quire/native/lib"));
  }

  @Test
  void theCacheIsSearchedBeforeTheSystem() throws IOException {
    Path lib = Files.createDirectories(folder.resolve("native/lib"));
    Files.writeString(lib.resolve("libcapstone.so.5"), "broken");
    Path good = NativeLibraries.capstone().path();
    if (good.isAbsolute()) {
      Files.createSymbolicLink(lib.resolve("libcapstone.so.4"), good);
      NativeLibrary found = NativeLibraries.findCapstone(Map.of("QUIRE_CACHE", folder.toString()));
      assertThat(found.path()).isEqualTo(lib.resolve("libcapstone.so.4"));
    }
  }
}
