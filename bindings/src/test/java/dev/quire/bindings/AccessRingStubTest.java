package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.NativeStub.Host;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The assembled access and fetch hooks of both hosts against plain models, and their sources. */
class AccessRingStubTest {
  private static final int CALLS = 3000;
  private static final int RECORDS = 8;
  private static final int FIRST = 0x40000;
  private static final long NONE = -1;

  /** uc_mem_type: UC_MEM_READ; UC_MEM_WRITE follows. */
  private static final long MEM_READ = 16;

  // The ABI leaves the upper half of an int's register open.
  private static final long GARBAGE = 0x5a5a_0000_0000_0000L;

  @TempDir Path folder;

  /** A record as the model keeps it. */
  private static final class Record {
    final long key;
    int reads;
    int writes;

    Record(long key) {
      this.key = key;
    }

    void count(int write) {
      reads += 1 - write;
      writes += write;
    }
  }

  /** The ring in the guest of {@link AccessHookHost}, and what it should hold. */
  private static final class Ring {
    final long ram;
    final long state;
    final List<Record> records = new ArrayList<>();
    long last = NONE;

    Ring(AccessHookHost host) {
      ram = host.memory.hva();
      state = ram + AccessHookHost.STATE;
      RawMemory.putLong(state + AccessRing.LIMIT, FIRST + RECORDS * AccessRing.RECORD_BYTES);
      clear();
    }

    void clear() {
      records.clear();
      last = NONE;
      RawMemory.putLong(state + AccessRing.NEXT, FIRST);
      RawMemory.putLong(state + AccessRing.LAST, NONE);
    }

    void compare(String what) {
      assertThat(RawMemory.getLong(state + AccessRing.NEXT))
          .as(what)
          .isEqualTo(FIRST + (long) records.size() * AccessRing.RECORD_BYTES);
      assertThat(RawMemory.getLong(state + AccessRing.LAST)).as(what).isEqualTo(last);
      for (int i = 0; i < records.size(); i++) {
        long at = ram + FIRST + (long) i * AccessRing.RECORD_BYTES;
        long counts = RawMemory.getLong(at + 8);
        assertThat(RawMemory.getLong(at)).as(what).isEqualTo(records.get(i).key);
        assertThat(AccessRing.reads(counts)).as(what).isEqualTo(records.get(i).reads);
        assertThat(AccessRing.writes(counts)).as(what).isEqualTo(records.get(i).writes);
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Host.class)
  void theAccessHookFollowsItsModel(Host which) {
    Random random = new Random(42);
    int repeated = 0;
    int special = 0;
    try (AccessHookHost host = new AccessHookHost(which, AccessRingCode.accessHook(which))) {
      Ring ring = new Ring(host);
      for (int i = 0; i < CALLS; i++) {
        int write = random.nextInt(2);
        int bytes = 1 << random.nextInt(5);
        long frame = random.nextInt(3) == 0 ? 0x3f_ffff_fff0L + random.nextInt(4) : 5;
        int offset =
            random.nextInt(3) == 0 ? 4096 - 1 - random.nextInt(16) : random.nextInt(4096 - 16);
        long pa = frame << 12 | offset;
        boolean crosses = offset + bytes > 4096;
        boolean again = ring.last == frame;
        boolean full = ring.records.size() == RECORDS;
        boolean pending = random.nextInt(20) == 0;
        RawMemory.putLong(ring.state + AccessRing.CROSSED, pending ? 7 : NONE);
        String what = "call %d: %d bytes at %x, write %d".formatted(i, bytes, pa, write);
        host.call(1, MEM_READ + write | GARBAGE, pa, bytes | GARBAGE, 2, AccessHookHost.STATE);
        if (pending || crosses || full && !again) {
          special++;
          assertThat(RawMemory.getLong(ring.ram + AccessHookHost.ACCESS_PA)).isEqualTo(pa);
          assertThat(RawMemory.getInt(ring.ram + AccessHookHost.ACCESS_BYTES)).isEqualTo(bytes);
          assertThat(RawMemory.getInt(ring.ram + AccessHookHost.ACCESS_TYPE) & 1).isEqualTo(write);
        } else {
          if (!again) {
            ring.records.add(new Record(frame << 2 | write));
            ring.last = frame;
          } else {
            repeated++;
          }
          ring.records.getLast().count(write);
        }
        ring.compare(what);
        assertThat(RawMemory.getInt(ring.ram + AccessHookHost.ACCESS_CALLS))
            .as(what)
            .isEqualTo(special);
        if (full && random.nextInt(4) == 0) {
          ring.clear();
        }
      }
    }
    assertThat(repeated).isGreaterThan(100);
    assertThat(special).isGreaterThan(100);
  }

  @ParameterizedTest
  @EnumSource(Host.class)
  void theFetchHookFollowsItsModel(Host which) {
    Random random = new Random(43);
    int full = 0;
    int quiet = 0;
    int stopped = 0;
    try (AccessHookHost host = new AccessHookHost(which, AccessRingCode.fetchHook(which))) {
      Ring ring = new Ring(host);
      long fetch = NONE;
      long crossed = NONE;
      for (int i = 0; i < CALLS; i++) {
        int reason = random.nextInt(6) == 0 ? 1 + random.nextInt(7) : 0;
        long page = random.nextInt(4) == 0 ? 0xf_ffff_ffff_fff0L + random.nextInt(3) : 0x400;
        int offset = random.nextInt(4096);
        int bytes = random.nextInt(5) == 0 ? 4096 : Math.min(30, 4096 - offset);
        long pc = page << 12 | offset;
        long lastPage = pc + bytes - 1 >>> 12;
        fetch = random.nextInt(9) == 0 ? NONE : fetch;
        RawMemory.putInt(ring.ram + AccessHookHost.REASON, reason);
        RawMemory.putLong(ring.state + AccessRing.FETCH, fetch);
        RawMemory.putLong(ring.state + AccessRing.CROSSED, crossed);
        String what = "call %d: block %x+%d".formatted(i, pc, bytes);
        host.call(1, pc, bytes | GARBAGE, AccessHookHost.STATE);
        assertThat(RawMemory.getInt(ring.ram + AccessHookHost.COUNTER_CALLS)).isEqualTo(i + 1);
        assertThat(RawMemory.getLong(ring.ram + AccessHookHost.COUNTER_PC)).isEqualTo(pc);
        assertThat(RawMemory.getInt(ring.ram + AccessHookHost.COUNTER_BYTES)).isEqualTo(bytes);
        assertThat(RawMemory.getLong(ring.ram + AccessHookHost.COUNTER_STATE))
            .isEqualTo(AccessHookHost.COUNTER_DATA);
        assertThat(RawMemory.getLong(ring.ram + AccessHookHost.COUNTER_SP) & 15)
            .isEqualTo(host.stackAlignment());
        boolean moves = crossed != NONE || page != fetch || lastPage != page;
        if (reason != 0) {
          stopped++;
        } else if (!moves) {
          quiet++;
        } else if (ring.records.size() > RECORDS - 2) {
          full++;
          assertThat(RawMemory.getLong(ring.ram + AccessHookHost.ENTER_PC)).isEqualTo(pc);
          assertThat(RawMemory.getInt(ring.ram + AccessHookHost.ENTER_BYTES)).isEqualTo(bytes);
        } else {
          if (crossed != NONE && crossed != fetch) {
            fetch = crossed;
            ring.records.add(new Record(crossed << 2 | AccessRing.KIND_FETCH));
          }
          if (page != fetch) {
            ring.records.add(new Record(page << 2 | AccessRing.KIND_FETCH));
          }
          ring.last = NONE;
          fetch = page;
          crossed = lastPage == page ? NONE : lastPage;
        }
        ring.compare(what);
        assertThat(RawMemory.getInt(ring.ram + AccessHookHost.ENTER_CALLS)).isEqualTo(full);
        assertThat(RawMemory.getLong(ring.state + AccessRing.FETCH)).as(what).isEqualTo(fetch);
        assertThat(RawMemory.getLong(ring.state + AccessRing.CROSSED)).as(what).isEqualTo(crossed);
        if (ring.records.size() > RECORDS - 2 && random.nextInt(4) == 0) {
          ring.clear();
        }
      }
    }
    assertThat(full).isGreaterThan(50);
    assertThat(quiet).isGreaterThan(50);
    assertThat(stopped).isGreaterThan(100);
  }

  @ParameterizedTest
  @CsvSource({"access,X86_64", "access,AARCH64", "fetch,X86_64", "fetch,AARCH64"})
  void aHookIsWhatItsSourceAssemblesTo(String which, Host host) throws Exception {
    byte[] hook =
        which.equals("access") ? AccessRingCode.accessHook(host) : AccessRingCode.fetchHook(host);
    assertThat(hook).isEqualTo(HookSource.assemble(which + "_hook", host, folder));
  }

  @Test
  void theNativeStructIsTheOneJavaKnows() throws Exception {
    String source = Files.readString(Path.of("src/main/asm/access_ring.inc"));
    List<Integer> offsets = new ArrayList<>();
    Matcher define = Pattern.compile("#define [A-Z_]+ +(\\d+)").matcher(source);
    while (define.find()) {
      offsets.add(Integer.parseInt(define.group(1)));
    }
    assertThat(offsets)
        .containsExactly(
            AccessRing.NEXT,
            AccessRing.LIMIT,
            AccessRing.LAST,
            AccessRing.FETCH,
            AccessRing.CROSSED,
            AccessRing.ACCESS,
            AccessRing.ENTER,
            AccessRing.COUNTER_CODE,
            AccessRing.COUNTER_STATE,
            AccessRing.REASON_AT,
            AccessRing.RECORD_BYTES,
            AccessRing.KIND_FETCH,
            12);
  }
}
