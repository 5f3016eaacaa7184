package dev.quire.lab.replay;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A recording in which any one value is another does not pass. */
class AlteredRecordingTest {
  private static final int EVERY = 9;
  private static final int ALTERATIONS = 6;

  /** Finds the places of a recording where a value could be another, and changes one. */
  private static final class Alteration {
    private final Random random;
    private int places;
    private int chosen = -1;
    private String what;

    Alteration(Random random) {
      this.random = random;
    }

    Object of(Object recorded) {
      walk(recorded, "");
      chosen = random.nextInt(places);
      places = 0;
      return walk(recorded, "");
    }

    private Object walk(Object value, String path) {
      return switch (value) {
        case Map<?, ?> members -> {
          Map<String, Object> copy = new LinkedHashMap<>();
          members.forEach(
              (name, member) -> copy.put((String) name, walk(member, path + "/" + name)));
          yield copy;
        }
        case List<?> items -> {
          List<Object> copy = new ArrayList<>();
          items.forEach(item -> copy.add(walk(item, path + "/" + copy.size())));
          if (isChosen(path + " (one item more)")) {
            copy.add(new LinkedHashMap<>(Map.of("page", 1L)));
          }
          yield copy;
        }
        case Long number -> isChosen(path) ? (Object) (number + 1 + random.nextInt(3)) : number;
        case String text -> isChosen(path) ? text + " x" : text;
        default -> value;
      };
    }

    private boolean isChosen(String path) {
      boolean now = places++ == chosen;
      if (now) {
        what = path;
      }
      return now;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"anon_mthp.json", "file_pagecache.json", "userfaultfd.json"})
  void doesNotPass(String file) {
    Random random = new Random(20261121);
    try (GoldenReader reader =
        GoldenReader.open(file, AlteredRecordingTest.class.getResourceAsStream(file))) {
      int index = 0;
      for (GoldenCase next = reader.next(); next != null; next = reader.next()) {
        if (index++ % EVERY == 0) {
          for (int i = 0; i < ALTERATIONS; i++) {
            alter(next, random);
          }
        }
      }
      assertThat(index).isPositive();
    }
  }

  private static void alter(GoldenCase next, Random random) {
    Alteration alteration = new Alteration(random);
    Map<String, Object> members = new LinkedHashMap<>(next.members());
    members.put("observed", alteration.of(members.get("observed")));
    boolean passed;
    try {
      passed = CaseReplay.run(new GoldenCase("altered", 1, next.name(), members)).passed();
    } catch (BadGoldenException e) {
      passed = false;
    }
    // The one tolerance: a minor fault too many after a huge page was write-protected.
    String ops = members.get("ops").toString();
    boolean protects = ops.contains("fork") || ops.contains("mprotect");
    if (!(alteration.what.endsWith("/minflt") && protects)) {
      assertThat(passed).as("%s with another %s", next.name(), alteration.what).isFalse();
    }
  }
}
