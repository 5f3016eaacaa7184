package dev.quire.lab.replay;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The words {@code NAME=VALUE} at the end of an operation. */
record Assignments(List<Assignment> list) {
  /**
   * One of them.
   *
   * @param value what stands behind the equals sign
   */
  record Assignment(String name, String value) {
    long number() {
      return new Words(value).unsigned(name);
    }
  }

  /** Takes all words that are left. */
  static Assignments of(Words words) {
    List<Assignment> list = new ArrayList<>();
    while (words.hasNext()) {
      String word = words.word("NAME=VALUE");
      int equals = word.indexOf('=');
      if (equals <= 0 || equals == word.length() - 1) {
        throw new BadOpException("'" + word + "' is not NAME=VALUE");
      }
      list.add(new Assignment(word.substring(0, equals), word.substring(equals + 1)));
    }
    return new Assignments(list);
  }

  /** Finds the field of every one; numbers must be numbers. */
  List<FieldValue> fields(Map<String, KvmField> known) {
    List<FieldValue> values = new ArrayList<>();
    for (Assignment one : list) {
      KvmField field = known.get(one.name());
      if (field == null) {
        throw new BadOpException(
            "'%s' is not one of %s".formatted(one.name(), String.join(", ", known.keySet())));
      }
      values.add(new FieldValue(field, field.bytes(one)));
    }
    return values;
  }

  /** What a field is to hold. */
  record FieldValue(KvmField field, byte[] bytes) {
    static FieldValue of(KvmField field, long number) {
      return new FieldValue(field, field.bytes(number));
    }

    void put(byte[] structure) {
      System.arraycopy(bytes, 0, structure, field.offset(), bytes.length);
    }
  }
}
