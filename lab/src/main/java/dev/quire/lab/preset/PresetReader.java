package dev.quire.lab.preset;

import dev.quire.lab.yaml.BadYamlException;
import dev.quire.lab.yaml.YamlNode;
import dev.quire.mmu.tlb.CoalescingPolicy;
import dev.quire.mmu.tlb.CoalescingPolicy.Hardware;
import dev.quire.mmu.tlb.NestedTlb;
import dev.quire.mmu.tlb.TlbArray;
import dev.quire.mmu.tlb.TlbArray.WayLimit;
import dev.quire.mmu.tlb.TlbCosts;
import dev.quire.mmu.tlb.TlbGeometry;
import dev.quire.mmu.tlb.TlbIsa;
import dev.quire.mmu.tlb.TlbReplacement;
import dev.quire.mmu.tlb.TlbUse;
import dev.quire.mmu.tlb.WalkCache;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** Turns a preset's text into a {@link Preset}. Strict: what it does not know it refuses. */
final class PresetReader {
  private static final Set<TlbUse> DATA = EnumSet.of(TlbUse.LOAD, TlbUse.STORE);

  private final PresetFields fields;

  private PresetReader(String file) {
    this.fields = new PresetFields(file);
  }

  /**
   * Reads a preset.
   *
   * @param file for messages
   * @throws BadPresetException naming file and line
   */
  static Preset read(String file, String text) {
    try {
      return new PresetReader(file).preset(YamlNode.parse(file, text));
    } catch (BadYamlException e) {
      throw new BadPresetException(e.getMessage(), e);
    }
  }

  private Preset preset(YamlNode root) {
    YamlNode.Mapping map =
        fields.mapping(
            root,
            List.of(
                "preset",
                "isa",
                "about",
                "sources",
                "l1_instruction",
                "l1_data",
                "l2",
                "l2_inclusive",
                "walk_caches",
                "walk_caches_hold",
                "nested",
                "walkers",
                "costs",
                "coalescing"),
            List.of());
    String name = fields.plain(map, "preset");
    String about = fields.plain(map, "about");
    TlbIsa isa = fields.choice(map.members().get("isa"), TlbIsa.class);
    fields.readSources(map.members().get("sources"));
    List<TlbArray> l1Instruction = arrays(map, "l1_instruction", EnumSet.of(TlbUse.FETCH));
    List<TlbArray> l1Data = arrays(map, "l1_data", DATA);
    List<TlbArray> l2 = arrays(map, "l2", EnumSet.allOf(TlbUse.class));
    boolean inclusive = fields.truth(map, "", "l2_inclusive");
    List<WalkCache> walkCaches = walkCaches(map);
    boolean hold =
        fields.choice(fields.value(map, "", "walk_caches_hold"), Holding.class) == Holding.HOST;
    NestedTlb nested = nested(map.members().get("nested"));
    int walkers = fields.number(map, "", "walkers");
    TlbCosts costs = costs(map.members().get("costs"));
    CoalescingPolicy coalescing = coalescing(map.members().get("coalescing"));
    TlbGeometry geometry =
        fields.checked(
            map,
            () ->
                new TlbGeometry(
                    name,
                    isa,
                    l1Instruction,
                    l1Data,
                    l2,
                    inclusive,
                    walkCaches,
                    hold,
                    nested,
                    walkers,
                    costs,
                    coalescing));
    return new Preset(geometry, about, fields.all());
  }

  /** What a walk cache gives. */
  private enum Holding {
    HOST,
    GUEST
  }

  private List<TlbArray> arrays(YamlNode.Mapping map, String section, Set<TlbUse> usual) {
    List<TlbArray> arrays = new ArrayList<>();
    for (YamlNode item : fields.items(map, section)) {
      YamlNode.Mapping array =
          fields.mapping(
              item,
              List.of("name", "entries", "ways", "pages", "replacement"),
              List.of("uses", "limits"));
      String name = fields.plain(array, "name");
      String path = section + "." + name + ".";
      int entries = fields.number(array, path, "entries");
      int ways = fields.number(array, path, "ways");
      List<Integer> orders = pages(array, path);
      Set<TlbUse> uses = usual;
      if (array.members().containsKey("uses")) {
        uses = EnumSet.noneOf(TlbUse.class);
        for (YamlNode use : fields.list(array, path, "uses")) {
          uses.add(fields.choice(use, TlbUse.class));
        }
      }
      Set<TlbUse> all = uses;
      TlbReplacement replacement =
          fields.choice(fields.value(array, path, "replacement"), TlbReplacement.class);
      List<WayLimit> limits = limits(array, path, ways, orders);
      arrays.add(
          fields.checked(
              array, () -> new TlbArray(name, entries, ways, orders, all, replacement, limits)));
    }
    return arrays;
  }

  private List<Integer> pages(YamlNode.Mapping array, String path) {
    List<Integer> orders = new ArrayList<>();
    for (YamlNode page : fields.list(array, path, "pages")) {
      int order = fields.order(page);
      if (!orders.isEmpty() && order <= orders.getLast()) {
        throw fields.bad(
            page.line(),
            "pages: %s comes after %s: each size once, smallest first"
                .formatted(PageSize.text(order), PageSize.text(orders.getLast())));
      }
      orders.add(order);
    }
    return orders;
  }

  private List<WayLimit> limits(
      YamlNode.Mapping array, String path, int arrayWays, List<Integer> orders) {
    List<WayLimit> limits = new ArrayList<>();
    if (array.members().containsKey("limits")) {
      for (YamlNode item : fields.list(array, path, "limits")) {
        YamlNode.Mapping limit =
            fields.mapping(item, List.of("page", "first_way", "ways"), List.of());
        int order = fields.order(limit.members().get("page"));
        int first = fields.number(limit.members().get("first_way"));
        int ways = fields.number(limit.members().get("ways"));
        String of = "limits of " + fields.plain(array, "name") + ": ";
        if (!orders.contains(order)) {
          String held = orders.stream().map(PageSize::text).collect(Collectors.joining(", "));
          String size = PageSize.text(order);
          throw fields.bad(item.line(), of + "it holds no " + size + ": its pages are " + held);
        }
        if (ways < 1 || first > arrayWays - ways) {
          throw fields.bad(
              item.line(),
              of + "%d ways from way %d on are not among its %d".formatted(ways, first, arrayWays));
        }
        limits.add(new WayLimit(order, first, ways));
      }
    }
    return limits;
  }

  private List<WalkCache> walkCaches(YamlNode.Mapping map) {
    List<WalkCache> caches = new ArrayList<>();
    for (YamlNode item : fields.items(map, "walk_caches")) {
      boolean shared =
          item instanceof YamlNode.Mapping given && given.members().containsKey("in_l2");
      YamlNode.Mapping cache =
          fields.mapping(
              item,
              shared
                  ? List.of("name", "heights", "in_l2")
                  : List.of("name", "heights", "entries", "ways", "replacement"),
              List.of());
      String name = fields.plain(cache, "name");
      String path = "walk_caches." + name + ".";
      List<Integer> heights = new ArrayList<>();
      for (YamlNode height : fields.list(cache, path, "heights")) {
        heights.add(fields.number(height));
      }
      if (shared) {
        if (!fields.truth(cache, path, "in_l2")) {
          throw fields.bad(cache.keyLine("in_l2"), "in_l2 is true or left out");
        }
        caches.add(fields.checked(cache, () -> WalkCache.inL2(name, heights)));
      } else {
        int entries = fields.number(cache, path, "entries");
        int ways = fields.number(cache, path, "ways");
        TlbReplacement replacement =
            fields.choice(fields.value(cache, path, "replacement"), TlbReplacement.class);
        caches.add(
            fields.checked(cache, () -> new WalkCache(name, heights, entries, ways, replacement)));
      }
    }
    return caches;
  }

  private NestedTlb nested(YamlNode node) {
    YamlNode.Mapping map =
        fields.mapping(
            node, List.of("kind"), List.of("entries", "ways", "replacement", "smallest_page"));
    NestedKind kind = fields.choice(fields.value(map, "nested.", "kind"), NestedKind.class);
    List<String> needed =
        switch (kind) {
          case NONE -> List.of("kind");
          case L2 -> List.of("kind", "smallest_page");
          case OWN -> List.of("kind", "entries", "ways", "replacement", "smallest_page");
        };
    fields.mapping(map, needed, List.of());
    return switch (kind) {
      case NONE -> NestedTlb.NONE;
      case L2 -> NestedTlb.inL2(fields.order(fields.value(map, "nested.", "smallest_page")));
      case OWN -> {
        int entries = fields.number(map, "nested.", "entries");
        int ways = fields.number(map, "nested.", "ways");
        TlbReplacement replacement =
            fields.choice(fields.value(map, "nested.", "replacement"), TlbReplacement.class);
        int order = fields.order(fields.value(map, "nested.", "smallest_page"));
        yield fields.checked(
            map, () -> new NestedTlb(NestedTlb.Kind.OWN, entries, ways, order, replacement));
      }
    };
  }

  /** As {@link NestedTlb.Kind}. */
  private enum NestedKind {
    NONE,
    OWN,
    L2
  }

  private TlbCosts costs(YamlNode node) {
    List<String> cycles =
        List.of(
            "l1_hit_cycles",
            "l2_extra_cycles",
            "reference_cycles",
            "walk_cache_hit_cycles",
            "nested_hit_cycles");
    List<String> keys = new ArrayList<>(cycles);
    keys.add("model");
    YamlNode.Mapping map = fields.mapping(node, keys, List.of());
    String model = fields.plain(map, "model");
    int[] values = new int[cycles.size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = fields.number(map, "costs.", cycles.get(i));
    }
    return fields.checked(
        map, () -> new TlbCosts(model, values[0], values[1], values[2], values[3], values[4]));
  }

  private CoalescingPolicy coalescing(YamlNode node) {
    YamlNode.Mapping map =
        fields.mapping(node, List.of("contiguous_bit", "hardware"), List.of("pages", "l1", "l2"));
    boolean contiguous = fields.truth(map, "coalescing.", "contiguous_bit");
    Hardware hardware = fields.choice(fields.value(map, "coalescing.", "hardware"), Hardware.class);
    if (hardware == Hardware.NONE) {
      fields.mapping(map, List.of("contiguous_bit", "hardware"), List.of());
      return CoalescingPolicy.NONE.withContiguousBit(contiguous);
    }
    fields.mapping(map, List.of("contiguous_bit", "hardware", "pages", "l1", "l2"), List.of());
    int pages = fields.number(map, "coalescing.", "pages");
    boolean l1 = fields.truth(map, "coalescing.", "l1");
    boolean l2 = fields.truth(map, "coalescing.", "l2");
    return fields.checked(map, () -> new CoalescingPolicy(contiguous, hardware, pages, l1, l2));
  }
}
