package dev.quire.kernel.mm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.quire.kernel.files.ModelledFiles;
import dev.quire.mmu.FakeKernelPteFormat;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Random programs over files of each kind: what processes see, references, map counts and frames
 * are audited after every step, and nothing is left once processes and files are gone.
 */
class FilePropertyTest {
  private static final int MEMORY_PAGES = 1 << 14;
  private static final int STEPS = 60;
  private static final long PAGE = 4096;
  private static final int[] PLACES = {0, 16, 64, 512, 515, 600, 1024};

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void basePages(long seed) {
    run(Map.of(), seed);
  }

  @ParameterizedTest
  @ValueSource(longs = {11, 12, 13, 14})
  void shmemOfAllOrders(long seed) {
    Map<Integer, ShmemThpMode> modes = new HashMap<>();
    for (int order = 1; order <= 9; order++) {
      modes.put(order, ShmemThpMode.ALWAYS);
    }
    run(modes, seed);
  }

  @ParameterizedTest
  @ValueSource(longs = {21, 22, 23})
  void shmemOf64KiB(long seed) {
    run(Map.of(4, ShmemThpMode.ALWAYS, 9, ShmemThpMode.ADVISE), seed);
  }

  private static void run(Map<Integer, ShmemThpMode> shmem, long seed) {
    ThpSettings thp =
        new ThpSettings(ThpMode.NEVER, Map.of(), ShmemThpMode.NEVER, shmem, true, ThpDefrag.ALWAYS);
    Kernel kernel =
        new Kernel(
            KernelConfig.of(HostArchitecture.X86_64, HostGranule.BASE_4K, MEMORY_PAGES)
                .withThp(thp),
            new FakeKernelPteFormat());
    List<OpenFile> files = new ArrayList<>();
    FileSystems modelled = ModelledFiles.of(kernel);
    kernel.setFileSystems(
        (kind, pages) -> {
          files.add(modelled.open(kind, pages));
          return files.getLast();
        });
    long before = KernelAudit.inUse(kernel);
    RandomProgram program =
        new RandomProgram(kernel, false, FileKind.MEMFD, FileKind.EXT4, FileKind.TMPFS);
    // Those of shared anonymous memory go with their last mapping.
    List<OpenFile> named = List.copyOf(files);
    Random random = new Random(seed);
    for (RandomStep step : steps(random)) {
      program.run(step);
      KernelAudit.check(kernel, program);
      callFile(named.get(random.nextInt(named.size())), random);
      KernelAudit.check(kernel, program);
    }
    program.end();
    assertThat(KernelAudit.inUse(kernel)).as("pages in use at the end").isEqualTo(before);
  }

  /** Calls that leave contents and size as they are, but for holes. */
  private static void callFile(OpenFile file, Random random) {
    long pages = file.size() / PAGE;
    if (pages == 0) {
      return;
    }
    long first = random.nextLong(pages);
    long bytes = PAGE * (1 + random.nextLong(Math.min(pages - first, 100)));
    long offset = first * PAGE;
    switch (random.nextInt(8)) {
      case 0 -> assertThat(file.fallocate(3, offset, bytes)).isZero();
      case 1 -> assertThat(file.fallocate(1, offset, bytes)).isZero();
      case 2 -> assertThat(file.write(offset, bytes)).isEqualTo(bytes);
      case 3 -> assertThat(file.read(offset, bytes)).isEqualTo(bytes);
      case 4 -> assertThat(file.fsync()).isZero();
      case 5 -> assertThat(file.dropCache(offset, bytes)).isZero();
      case 6 -> assertThat(file.willNeed(offset, bytes)).isZero();
      default -> assertThat(file.cached(first)).isIn(true, false);
    }
  }

  private static List<RandomStep> steps(Random random) {
    List<RandomStep.Action> actions = new ArrayList<>();
    for (RandomStep.Action action : RandomStep.Action.values()) {
      boolean mapsFile = action.name().startsWith("MAP_FILE") || action.name().equals("MAP_SHARED");
      for (int i = 0; i < action.weight * (mapsFile ? 3 : 1); i++) {
        actions.add(action);
      }
    }
    List<RandomStep> steps = new ArrayList<>();
    for (int i = 0; i < STEPS; i++) {
      int place = PLACES[random.nextInt(PLACES.length)];
      int page = random.nextInt(3) > 0 ? place : random.nextInt(RandomProgram.WINDOW);
      int length = random.nextBoolean() ? random.nextInt(20) : random.nextInt(700);
      int argument = random.nextInt(RandomProgram.WINDOW);
      steps.add(
          new RandomStep(
              actions.get(random.nextInt(actions.size())),
              random.nextInt(4),
              page,
              length,
              argument));
    }
    return steps;
  }
}
