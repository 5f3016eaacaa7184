package dev.quire.bindings;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.bindings.NativeStub.Host;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The assembled block hooks of both hosts against {@link BlockCounterModel}, and their sources. */
class BlockCounterStubTest {
  private static final int CALLS = 4000;

  @TempDir Path folder;

  private static byte[] hook(boolean x86Guest, Host host) {
    return x86Guest ? BlockCounterCode.x86Guest(host) : BlockCounterCode.arm64Guest(host);
  }

  @ParameterizedTest
  @CsvSource({"true,X86_64", "true,AARCH64", "false,X86_64", "false,AARCH64"})
  void theHookFollowsTheModelOnRandomInput(boolean x86Guest, Host host) {
    Map<Integer, Integer> reasons = new HashMap<>();
    try (StubHost stub = new StubHost(host, hook(x86Guest, host))) {
      Driver driver = new Driver(stub, x86Guest, host == Host.X86_64);
      for (int i = 0; i < CALLS; i++) {
        driver.call(i);
        reasons.merge(driver.model.reason, 1, Integer::sum);
      }
      // The random input must have reached every rule.
      assertThat(driver.countedByBlocks > 50).isEqualTo(host == Host.X86_64);
      assertThat(reasons.keySet()).hasSize(x86Guest ? 8 : 5);
      if (x86Guest) {
        assertThat(driver.extraPasses).isGreaterThan(50);
        assertThat(driver.model.scans).isBetween(200, CALLS - 1000);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"true,X86_64", "true,AARCH64", "false,X86_64", "false,AARCH64"})
  void theHookIsWhatItsSourceAssemblesTo(boolean x86Guest, Host host) throws Exception {
    String prefix = "block_counter_" + (x86Guest ? "x86" : "arm64") + "_guest";
    assertThat(hook(x86Guest, host)).isEqualTo(HookSource.assemble(prefix, host, folder));
  }

  /** Feeds the hook and the model the same blocks and compares all they leave behind. */
  private static final class Driver {
    private final Random random = new Random(42);
    private final StubHost stub;
    private final long ram;
    private final long state;
    private final boolean x86;
    private final boolean packs;
    final BlockCounterModel model;
    int extraPasses;

    int countedByBlocks;

    Driver(StubHost stub, boolean x86, boolean packs) {
      this.stub = stub;
      this.x86 = x86;
      this.packs = packs;
      if (packs) {
        stub.grantToBlocks();
      }
      ram = stub.memory.hva();
      state = ram + StubHost.STATE;
      model = new BlockCounterModel(x86);
      model.scansArm64 = packs && !x86;
    }

    void call(int step) {
      vary();
      writeInputs();
      long address = nextAddress();
      int size =
          x86
              ? 1 + (int) (address * 7 & 31) + (random.nextInt(8) == 0 ? 4000 : 0)
              : 4 + 4 * random.nextInt(100);
      int scanned = x86 ? scan(address, size) : size / 4;
      int packed = scanned < 0 ? 0 : BlockCallPatch.pack(scanned, size);
      if (packs && packed != 0 && random.nextInt(3) == 0) {
        size = packed;
      }
      boolean tells = packs && packed != 0 && random.nextInt(4) == 0;
      int info = tells ? scanned | BlockCallPatch.PACKED : scanned;
      RawMemory.putInt(ram + StubHost.SCAN_RESULT, info);
      long before = model.icount;
      int stops = model.stops;
      model.reason = 0;
      model.begin(address, size, (a, s) -> info);
      boolean plain = size >>> BlockCallPatch.COUNT_SHIFT != 0 && (size >>> 13 & 0xff) == 0;
      if (plain && random.nextBoolean()) {
        stub.countInBlock(1 + random.nextInt(1000), address, size);
        countedByBlocks +=
            RawMemory.getInt(ram + StubHost.FAST + BlockCounter.FAST_LAST_INDEX) != 0 ? 1 : 0;
      } else {
        stub.call(address, size);
      }
      compare("step " + step + " at " + Long.toHexString(address) + "+" + size, address, size);
      if (model.lastInfo == 0
          && model.stops == stops
          && before == model.icount
          && model.stepping == 0) {
        extraPasses++;
      }
    }

    /** Changes some of what the hook depends on; each rare enough for the others to show. */
    private void vary() {
      model.deadline = random.nextInt(20) == 0 ? model.icount + random.nextInt(8) : -1L;
      model.irqPending = x86 && random.nextInt(10) == 0;
      model.kick = random.nextInt(30) == 0;
      model.request = random.nextInt(30) == 0;
      if (random.nextInt(40) == 0) {
        model.stepping = 1;
      } else if (model.stepping == 2 && random.nextInt(3) != 0) {
        model.stepping = 0;
      }
      model.eflags = random.nextInt() | (random.nextBoolean() ? 0x200 : 0);
      model.hflags =
          (random.nextInt(4) == 0 ? 8 : 0) | (random.nextInt(8) == 0 ? 0x10 : 0x8010) | 0x60;
      long[] counters = {0, 0, 1, 0x10000, 0x1_0000_0000L, 5};
      model.rcx = counters[random.nextInt(counters.length)];
      if (random.nextInt(500) == 0) {
        model.generation++;
      }
    }

    private long nextAddress() {
      if (x86 && random.nextInt(2) == 0 && (model.lastInfo & BlockScanner.REP64) != 0) {
        return model.lastPc
            + model.lastSize
            - (model.lastInfo >>> BlockScanner.REP_LENGTH_SHIFT & 15);
      }
      // Few addresses, some of them in the same slot of the table.
      long page = random.nextInt(3) == 0 ? 0xffff_ffff_8100_0000L : 0x40_0000L;
      return page + 64L * random.nextInt(24) + (random.nextInt(6) == 0 ? 0x400_0000L : 0);
    }

    /** What the decoder says; a function of its arguments, as decoding is. */
    private static int scan(long address, int size) {
      int h = (int) (address * 0x9e3779b1L >>> 13) * 31 + size;
      if (h % 37 == 0) {
        return BlockScanner.FAILED;
      }
      int info = 1 + (h >>> 3) % 500;
      if (h % 3 == 0) {
        info |=
            1 + (h >>> 5) % 3 << 17
                | 1 + (h >>> 7) % Math.min(size, 15) << BlockScanner.REP_LENGTH_SHIFT;
      }
      return h % 11 == 0 ? info | BlockScanner.SENSITIVE : info;
    }

    private void writeInputs() {
      boolean attention = model.kick || model.request || model.irqPending || model.stepping != 0;
      if (attention || RawMemory.getLong(state + BlockCounter.DEADLINE) != model.deadline) {
        RawMemory.putLong(state + BlockCounter.ICOUNT, icount());
        RawMemory.putLong(ram + StubHost.FAST + BlockCounter.FAST_REMAINING, 0);
      }
      RawMemory.putLong(state + BlockCounter.DEADLINE, model.deadline);
      RawMemory.putShort(state + BlockCounter.STEPPING, model.stepping);
      RawMemory.putShort(state + BlockCounter.IRQ_PENDING, model.irqPending ? 1 : 0);
      RawMemory.putShort(state + BlockCounter.KICK, model.kick ? 1 : 0);
      RawMemory.putShort(state + BlockCounter.REQUEST, model.request ? 1 : 0);
      RawMemory.putInt(state + BlockCounter.REASON, 0);
      RawMemory.putInt(
          state + BlockCounter.GENERATION, BlockCounter.generationBits(model.generation));
      RawMemory.putInt(ram + StubHost.GUEST_EFLAGS, model.eflags);
      RawMemory.putInt(ram + StubHost.GUEST_HFLAGS, model.hflags);
      RawMemory.putLong(ram + StubHost.GUEST_RCX, model.rcx);
    }

    private long icount() {
      return RawMemory.getLong(state + BlockCounter.ICOUNT)
          - RawMemory.getLong(ram + StubHost.FAST + BlockCounter.FAST_REMAINING);
    }

    private void compareLast(String what) {
      int index = RawMemory.getInt(ram + StubHost.FAST + BlockCounter.FAST_LAST_INDEX);
      long entry = ram + StubHost.BLOCKS + (long) index * BlockCallPatch.BLOCK_BYTES;
      long pc = RawMemory.getLong(index == 0 ? state + BlockCounter.LAST_PC : entry);
      int packed = RawMemory.getInt(entry + BlockCallPatch.BLOCK_PACKED);
      int size = index == 0 ? RawMemory.getInt(state + BlockCounter.LAST_SIZE) : packed;
      int info =
          index == 0
              ? RawMemory.getInt(state + BlockCounter.LAST_INFO)
              : packed >>> BlockCallPatch.COUNT_SHIFT;
      assertThat(pc).as(what).isEqualTo(model.lastPc);
      assertThat(size).as(what).isEqualTo(model.lastSize);
      assertThat(info).as(what).isEqualTo(model.lastInfo);
    }

    private void compare(String what, long address, int size) {
      assertThat(RawMemory.getInt(state + BlockCounter.REASON)).as(what).isEqualTo(model.reason);
      assertThat(icount()).as(what).isEqualTo(model.icount);
      compareLast(what);
      assertThat(RawMemory.getShort(state + BlockCounter.STEPPING))
          .as(what)
          .isEqualTo(model.stepping);
      assertThat(RawMemory.getInt(ram + StubHost.STOP_CALLS)).as(what).isEqualTo(model.stops);
      assertThat(RawMemory.getInt(ram + StubHost.SCAN_CALLS)).as(what).isEqualTo(model.scans);
      if (model.stops > 0) {
        assertThat(RawMemory.getLong(ram + StubHost.STOP_ENGINE)).isEqualTo(StubHost.ENGINE);
      }
      if (model.scans > 0 && model.reason == BlockCounter.REASON_SCAN) {
        assertThat(RawMemory.getLong(ram + StubHost.SCAN_ADDRESS)).isEqualTo(address);
        assertThat(RawMemory.getInt(ram + StubHost.SCAN_SIZE)).isEqualTo(size);
      }
    }
  }
}
