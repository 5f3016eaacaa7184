package dev.quire.mmu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;

/** What a kernel relies on, for every {@link KernelPteFormat}: extend it in the format's module. */
public abstract class KernelPteFormatContract {
  private static final int ROUNDS = 5_000;

  protected abstract KernelPteFormat format();

  /** A leaf of random page, level and rights, with random software state. */
  private long randomLeaf(Random random, int level, int rights) {
    KernelPteFormat f = format();
    long entry = f.leaf(randomPfn(random, level), level, rights);
    entry = random.nextBoolean() ? f.old(entry) : entry;
    entry = random.nextBoolean() ? f.dirty(entry) : entry;
    return random.nextBoolean() ? f.special(entry) : entry;
  }

  private long randomPfn(Random random, int level) {
    return random.nextLong() >>> 30 & -(1L << format().hardware().leafOrder(level));
  }

  private static int randomRights(Random random) {
    return random.nextInt(4) == 0 ? 0 : Protection.READ | random.nextInt(Protection.ALL + 1);
  }

  private int randomLevel(Random random) {
    return random.nextInt(2);
  }

  @Test
  void aLeafIsMappedAndHardwareSeesWhatItMaySee() {
    KernelPteFormat f = format();
    Random random = new Random(1);
    for (int i = 0; i < ROUNDS; i++) {
      int level = randomLevel(random);
      int rights = randomRights(random);
      long pfn = randomPfn(random, level);
      long entry = f.leaf(pfn, level, rights);
      assertThat(f.isMapped(entry)).isTrue();
      assertThat(f.isNote(entry)).isFalse();
      assertThat(f.pfn(entry, level)).isEqualTo(pfn);
      assertThat(f.protection(entry, level)).isEqualTo(rights);
      assertThat(f.isYoung(entry)).isTrue();
      assertThat(f.isDirty(entry)).isFalse();
      assertThat(f.hardware().isPresent(entry)).isEqualTo(rights != 0);
      if (rights != 0) {
        assertThat(f.hardware().isLeaf(entry, level)).isTrue();
        assertThat(f.hardware().pfn(entry, level)).isEqualTo(pfn);
      }
    }
  }

  @Test
  void eachStateChangesAloneAndBack() {
    KernelPteFormat f = format();
    Random random = new Random(2);
    for (int i = 0; i < ROUNDS; i++) {
      int level = randomLevel(random);
      long entry = randomLeaf(random, level, randomRights(random));
      assertThat(f.isYoung(f.young(entry))).isTrue();
      assertThat(f.isYoung(f.old(entry))).isFalse();
      assertThat(f.isDirty(f.dirty(entry))).isTrue();
      assertThat(f.isDirty(f.clean(entry))).isFalse();
      assertThat(f.isWritable(f.writable(entry))).isTrue();
      assertThat(f.isWritable(f.writeProtected(entry))).isFalse();
      assertThat(f.isSpecial(f.special(entry))).isTrue();
      keepsTheRest(level, entry, f::young);
      keepsTheRest(level, entry, f::dirty);
      keepsTheRest(level, entry, f::clean);
      keepsTheRest(level, entry, f::writeProtected);
      assertThat(f.isDirty(f.writeProtected(entry))).isEqualTo(f.isDirty(entry));
      assertThat(f.isDirty(f.writable(entry))).isEqualTo(f.isDirty(entry));
    }
  }

  private void keepsTheRest(int level, long entry, LongUnaryOperator change) {
    KernelPteFormat f = format();
    long changed = change.applyAsLong(entry);
    assertThat(f.pfn(changed, level)).isEqualTo(f.pfn(entry, level));
    assertThat(f.isMapped(changed)).isTrue();
    assertThat(f.isSpecial(changed)).isEqualTo(f.isSpecial(entry));
    assertThat(f.protection(changed, level) | Protection.WRITE)
        .isEqualTo(f.protection(entry, level) | Protection.WRITE);
  }

  @Test
  void otherRightsKeepPageAndState() {
    KernelPteFormat f = format();
    Random random = new Random(3);
    for (int i = 0; i < ROUNDS; i++) {
      int level = randomLevel(random);
      long entry = randomLeaf(random, level, randomRights(random));
      int rights = randomRights(random);
      long changed = f.withProtection(entry, level, rights);
      assertThat(f.protection(changed, level)).isEqualTo(rights);
      assertThat(f.isWritable(changed)).isEqualTo((rights & Protection.WRITE) != 0);
      assertThat(f.pfn(changed, level)).isEqualTo(f.pfn(entry, level));
      assertThat(f.isYoung(changed)).isEqualTo(f.isYoung(entry));
      assertThat(f.isDirty(changed)).isEqualTo(f.isDirty(entry));
      assertThat(f.isSpecial(changed)).isEqualTo(f.isSpecial(entry));
      assertThat(f.isMapped(changed)).isTrue();
    }
  }

  @Test
  void theNextPageHasTheSameState() {
    KernelPteFormat f = format();
    Random random = new Random(4);
    for (int i = 0; i < ROUNDS; i++) {
      int rights = randomRights(random);
      long pfn = randomPfn(random, 0) & 0xffff_ffffL;
      long pages = (long) random.nextInt(1000) << f.hardware().leafOrder(0);
      long entry = f.dirty(f.leaf(pfn, 0, rights));
      assertThat(f.advanced(entry, 0, pages)).isEqualTo(f.dirty(f.leaf(pfn + pages, 0, rights)));
    }
  }

  @Test
  void userfaultfdProtectionTakesTheWriteRight() {
    KernelPteFormat f = format();
    long entry = f.leaf(1L << f.hardware().leafOrder(0), 0, Protection.READ | Protection.WRITE);
    long protectedEntry = f.uffdWriteProtected(entry);
    assertThat(f.isUffdWriteProtected(entry)).isFalse();
    assertThat(f.isUffdWriteProtected(protectedEntry)).isTrue();
    assertThat(f.isWritable(protectedEntry)).isFalse();
    assertThat(f.isUffdWriteProtected(f.uffdWritable(protectedEntry))).isFalse();
    long note = f.note(3, 77);
    assertThat(f.isUffdWriteProtected(note)).isFalse();
    assertThat(f.isUffdWriteProtected(f.uffdWriteProtected(note))).isTrue();
    assertThat(f.noteValue(f.uffdWriteProtected(note))).isEqualTo(77);
    assertThat(f.isNote(f.uffdWriteProtected(note))).isTrue();
  }

  @Test
  void aNoteGivesBackWhatItSays() {
    KernelPteFormat f = format();
    Random random = new Random(5);
    for (int i = 0; i < ROUNDS; i++) {
      int type = random.nextInt(KernelPteFormat.MAX_NOTE_TYPE + 1);
      long mask = (1L << KernelPteFormat.NOTE_VALUE_BITS) - 1;
      long value = i == 0 ? 0 : i == 1 ? mask : random.nextLong() & mask;
      long entry = f.note(type, value);
      assertThat(f.isNote(entry)).isTrue();
      assertThat(f.isMapped(entry)).isFalse();
      assertThat(f.hardware().isPresent(entry)).isFalse();
      assertThat(f.noteType(entry)).isEqualTo(type);
      assertThat(f.noteValue(entry)).isEqualTo(value);
    }
    assertThat(f.isNote(0)).isFalse();
    assertThat(f.isMapped(0)).isFalse();
  }

  @Test
  void contiguousEntriesExistWhereTheFormatHasGroups() {
    KernelPteFormat f = format();
    long entry = f.leaf(0, 0, Protection.READ);
    assertThat(f.isContiguous(entry)).isFalse();
    assertThat(f.single(entry)).isEqualTo(entry);
    if (f.hardware().contiguousOrder(0) > f.hardware().leafOrder(0)) {
      assertThat(f.isContiguous(f.contiguous(entry))).isTrue();
      assertThat(f.single(f.contiguous(entry))).isEqualTo(entry);
    }
  }
}
