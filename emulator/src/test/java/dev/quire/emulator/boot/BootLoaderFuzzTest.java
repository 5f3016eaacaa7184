package dev.quire.emulator.boot;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Damaged and random files: a plan that keeps its promises, or one line of complaint. */
class BootLoaderFuzzTest {
  private static final long MIB = 1 << 20;
  private static final int ROUNDS = 8000 * Integer.getInteger("quire.test.scale", 1);
  private static final long[] NASTY = {
    0,
    1,
    -1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fffffff,
    0x80000000L,
    0xffffffffL,
    0x40000000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -4096,
    0x100000,
    0xfffff000L,
    1L << 52
  };

  private static List<byte[]> seeds() {
    byte[] code = new byte[64];
    byte[] flat =
        Arrays.copyOf(
            Multiboot1LoaderTest.header(1 << 16, 0x200000, 0x200000, 0, 0, 0x200000), 100);
    ByteBuffer image = ByteBuffer.allocate(256).order(ByteOrder.LITTLE_ENDIAN);
    image.putLong(8, 0x80000).putLong(16, 0x1000).putInt(56, 0x644d5241);
    ByteBuffer bz = ByteBuffer.allocate(2048).order(ByteOrder.LITTLE_ENDIAN);
    bz.put(0x1f1, (byte) 1).putShort(0x1fe, (short) 0xaa55).put(0x201, (byte) 0x6a);
    bz.putInt(0x202, 0x53726448).putShort(0x206, (short) 0x20f).put(0x211, (byte) 1);
    bz.putInt(0x230, 0x200000).putShort(0x236, (short) 1).putLong(0x258, 0x1000000);
    return List.of(
        ElfBuilder.elf64(62).entry(0x100000).segment(0x100000, 128, code).build(),
        ElfBuilder.elf64(62)
            .entry(0x100000)
            .segment(0x100000, 128, code)
            .segment(0x200000, 9)
            .build(),
        ElfBuilder.elf64(183).entry(0x40000000).segment(0x40000000, 128, code).build(),
        ElfBuilder.elf32(3)
            .prefix(Multiboot1LoaderTest.header(3))
            .entry(0x100000)
            .segment(0x100000, 128, code)
            .build(),
        flat,
        image.array(),
        bz.array());
  }

  private static byte[] damage(byte[] file, Random random) {
    byte[] damaged = file.clone();
    ByteBuffer buffer = ByteBuffer.wrap(damaged).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 1 + random.nextInt(3); i++) {
      int at = random.nextInt(Math.min(damaged.length, 640) - 8);
      long value = random.nextInt(3) == 0 ? random.nextLong() : NASTY[random.nextInt(NASTY.length)];
      switch (random.nextInt(5)) {
        case 0 -> buffer.put(at, (byte) value);
        case 1 -> buffer.putShort(at & ~1, (short) value);
        case 2 -> buffer.putInt(at & ~3, (int) value);
        case 3 -> buffer.putLong(at & ~7, value);
        default -> damaged[at] ^= (byte) (1 << random.nextInt(8));
      }
    }
    return random.nextInt(6) == 0
        ? Arrays.copyOf(damaged, random.nextInt(damaged.length))
        : damaged;
  }

  private static byte[] noise(Random random) {
    byte[] noise = new byte[random.nextInt(700)];
    random.nextBytes(noise);
    if (random.nextBoolean() && noise.length > 64) {
      byte[] seed = seeds().get(random.nextInt(seeds().size()));
      System.arraycopy(seed, 0, noise, 0, Math.min(64, seed.length));
    }
    return noise;
  }

  @Test
  void damagedFilesAreBootedSafelyOrRefusedInOneLine() {
    Random random = new Random(20260103);
    List<byte[]> seeds = seeds();
    List<String> complaints = new ArrayList<>();
    int booted = 0;
    for (int round = 0; round < ROUNDS; round++) {
      byte[] content =
          random.nextInt(10) == 0
              ? noise(random)
              : damage(seeds.get(random.nextInt(seeds.size())), random);
      long memoryBytes = random.nextInt(20) == 0 ? random.nextLong() : 64 * MIB;
      BootRequest request = BootRequest.of(new GuestFile("fuzz", content), memoryBytes);
      if (random.nextInt(8) == 0) {
        request = request.withInitrd(new GuestFile("rd", new byte[random.nextInt(9000)]));
      }
      try {
        checkPromises(BootLoader.plan(request));
        booted++;
      } catch (BadGuestException e) {
        complaints.add(e.getMessage());
      }
    }
    assertThat(booted).as("files that still boot").isBetween(ROUNDS / 20, ROUNDS * 3 / 4);
    assertThat(complaints)
        .allSatisfy(line -> assertThat(line).matches("(fuzz|memory|rd): [^\n]{5,200}"));
  }

  @Test
  void undamagedFilesBoot() {
    for (byte[] seed : seeds()) {
      checkPromises(BootLoader.plan(BootRequest.of(new GuestFile("seed", seed), 64 * MIB)));
    }
  }

  private static void checkPromises(BootPlan plan) {
    List<BootPlan.Load> loads = new ArrayList<>(plan.loads());
    loads.sort((a, b) -> Long.compare(a.gpa(), b.gpa()));
    long end = 0;
    for (BootPlan.Load load : loads) {
      assertThat(load.gpa()).as("%s after the one before", load).isGreaterThanOrEqualTo(end);
      assertThat(plan.ram().contains(load.gpa(), load.memoryBytes())).isTrue();
      assertThat(load.bytes()).isBetween(0, (int) Math.min(load.memoryBytes(), 1 << 30));
      assertThat(load.offset() + load.bytes()).isLessThanOrEqualTo(load.source().length);
      end = load.endGpa();
    }
    long pc =
        switch (plan.entry()) {
          case EntryState.X86Entry64 entry -> entry.rip();
          case EntryState.X86Entry32 entry -> Integer.toUnsignedLong(entry.eip());
          case EntryState.Arm64Entry entry -> entry.pc();
        };
    assertThat(loads).as("entry 0x%x", pc).anyMatch(l -> pc >= l.gpa() && pc < l.endGpa());
  }
}
