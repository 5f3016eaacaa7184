package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@EnabledOnOs(OS.LINUX)
class TruncationGuardTest {
  private static final long PAGE = NativeMemory.PAGE_BYTES;

  private static final long MOST_HITS = 2048;

  private static final MethodHandle OPEN = SystemCalls.function("open");
  private static final MethodHandle FTRUNCATE = SystemCalls.function("ftruncate");
  private static final int O_RDWR_CREAT = 0x42;

  @TempDir Path folder;

  private HostFile file(long bytes) {
    try (Arena arena = Arena.ofConfined()) {
      long name = arena.allocateFrom(folder.resolve("file").toString()).address();
      int descriptor = SystemCalls.callInt(OPEN, name, O_RDWR_CREAT, 0600, 0, 0, 0);
      assertThat(descriptor).isNotNegative();
      HostFile file = HostFile.adopt(descriptor);
      truncate(file, bytes);
      return file;
    }
  }

  private static void truncate(HostFile file, long bytes) {
    assertThat(SystemCalls.callInt(FTRUNCATE, file.descriptor(), bytes, 0, 0, 0, 0)).isZero();
  }

  private static long load(NativeMemory memory, long page) {
    return memory.segment().get(ValueLayout.JAVA_LONG, page * PAGE);
  }

  /** What the memory holds there, as code that is not the JVM's sees it. */
  private static int compare(NativeMemory memory, long page, MemorySegment with) throws Throwable {
    MethodHandle memcmp =
        Linker.nativeLinker()
            .downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("memcmp"),
                FunctionDescriptor.of(
                    ValueLayout.JAVA_INT,
                    ValueLayout.ADDRESS,
                    ValueLayout.ADDRESS,
                    ValueLayout.JAVA_LONG));
    MemorySegment at = memory.segment().asSlice(page * PAGE, PAGE);
    return (int) memcmp.invokeExact(at, with, PAGE);
  }

  @Test
  void pagesBeyondTheEndOfATruncatedFileAreZeros() throws Throwable {
    try (NativeMemory memory = NativeMemory.reserve(16 * PAGE);
        TruncationGuard guard = TruncationGuard.over(memory);
        HostFile file = file(8 * PAGE);
        Arena arena = Arena.ofConfined()) {
      assertThat(memory.mapFile(4 * PAGE, 8 * PAGE, file, 0)).isZero();
      memory.segment().fill((byte) 3);
      truncate(file, 2 * PAGE);
      assertThat(load(memory, 5)).isNotZero();
      assertThat(guard.takeHits()).isZero();
      assertThat(load(memory, 6)).isZero();
      assertThat(compare(memory, 8, arena.allocate(PAGE, PAGE))).isZero();
      memory.segment().set(ValueLayout.JAVA_LONG, 10 * PAGE, 7);
      assertThat(load(memory, 10)).isEqualTo(7);
      assertThat(guard.takeHits()).isEqualTo(3);
      assertThat(guard.isLost()).isFalse();
      assertThat(load(memory, 12)).isNotZero();
      // The file is there again once it is mapped again.
      truncate(file, 8 * PAGE);
      assertThat(memory.mapFile(4 * PAGE, 8 * PAGE, file, 0)).isZero();
      assertThat(load(memory, 10)).isZero();
      assertThat(guard.takeHits()).isZero();
    }
  }

  /** Its InternalError, where the fault is in Java code. */
  @Test
  void whatIsNotGuardedIsLeftToTheJvm() throws IOException {
    try (NativeMemory other = NativeMemory.reserve(PAGE);
        TruncationGuard guard = TruncationGuard.over(other);
        Arena arena = Arena.ofConfined();
        FileChannel channel =
            FileChannel.open(
                folder.resolve("mapped"),
                StandardOpenOption.CREATE,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE)) {
      MemorySegment mapped = channel.map(MapMode.READ_WRITE, 0, 4 * PAGE, arena);
      channel.truncate(PAGE);
      assertThatThrownBy(() -> mapped.get(ValueLayout.JAVA_LONG, 2 * PAGE))
          .isInstanceOf(InternalError.class);
      assertThat(guard.takeHits()).isZero();
    }
  }

  @Test
  void oneThatHitsTooOftenLosesItsMemoryAlone() {
    long pages = 3 * MOST_HITS;
    try (NativeMemory other = NativeMemory.reserve(PAGE);
        NativeMemory memory = NativeMemory.reserve(pages * PAGE);
        TruncationGuard guard = TruncationGuard.over(memory);
        TruncationGuard otherGuard = TruncationGuard.over(other);
        HostFile file = file(pages * PAGE)) {
      other.segment().set(ValueLayout.JAVA_LONG, 0, 5);
      assertThat(memory.mapFile(0, pages * PAGE, file, 0)).isZero();
      memory.segment().set(ValueLayout.JAVA_LONG, 0, 5);
      truncate(file, PAGE);
      for (int hit = 0; hit < MOST_HITS; hit++) {
        assertThat(load(memory, 1 + hit)).isZero();
      }
      assertThat(guard.isLost()).isFalse();
      assertThat(load(memory, 0)).isEqualTo(5);
      assertThat(load(memory, 1 + MOST_HITS)).isZero();
      assertThat(guard.isLost()).isTrue();
      assertThat(load(memory, 0)).isZero();
      assertThat(otherGuard.isLost()).isFalse();
      assertThat(load(other, 0)).isEqualTo(5);
    }
  }

  @ParameterizedTest
  @EnumSource(NativeStub.Host.class)
  void theHandlerIsWhatItsSourceAssemblesTo(NativeStub.Host host) throws Exception {
    assertThat(BusErrorCode.of(host)).isEqualTo(HookSource.assemble("bus_error", host, folder));
  }
}
