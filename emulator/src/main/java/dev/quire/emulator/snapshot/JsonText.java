package dev.quire.emulator.snapshot;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The JSON of a snapshot's description: objects (as maps in order), lists, strings, whole numbers,
 * null. Nothing else is written, and anything else is refused.
 */
final class JsonText {
  private static final int DEEPEST = 8;
  private static final int LONGEST_NUMBER = 20;

  private final String text;
  private int at;

  private JsonText(String text) {
    this.text = text;
  }

  /** A value that is not what this reader takes. */
  static final class JsonException extends Exception {
    private static final long serialVersionUID = 1;

    JsonException(String what) {
      super(what);
    }
  }

  static String write(Map<String, Object> members) {
    StringBuilder out = new StringBuilder();
    write(members, 0, out);
    return out.append('\n').toString();
  }

  private static void write(Object value, int depth, StringBuilder out) {
    switch (value) {
      case null -> out.append("null");
      case String string -> writeString(string, out);
      case Number number -> out.append(number.longValue());
      case Map<?, ?> map -> {
        out.append('{');
        String separator = "\n";
        for (Map.Entry<?, ?> member : map.entrySet()) {
          out.append(separator).append("  ".repeat(depth + 1));
          writeString((String) member.getKey(), out);
          out.append(": ");
          write(member.getValue(), depth + 1, out);
          separator = ",\n";
        }
        out.append('\n').append("  ".repeat(depth)).append('}');
      }
      case List<?> list -> {
        out.append('[');
        String separator = "";
        for (Object element : list) {
          out.append(separator);
          write(element, depth + 1, out);
          separator = ", ";
        }
        out.append(']');
      }
      default -> throw new IllegalArgumentException("not for JSON: " + value.getClass());
    }
  }

  private static void writeString(String string, StringBuilder out) {
    out.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      if (c == '"' || c == '\\') {
        out.append('\\').append(c);
      } else if (c < ' ' || c > '~') {
        out.append("\\u%04x".formatted((int) c));
      } else {
        out.append(c);
      }
    }
    out.append('"');
  }

  /** Reads one object and nothing behind it. */
  static Map<String, Object> read(String text) throws JsonException {
    JsonText reader = new JsonText(text);
    Object value = reader.value(0);
    reader.space();
    if (reader.at != text.length()) {
      throw reader.failure("more follows the description");
    }
    if (!(value instanceof Map<?, ?>)) {
      throw reader.failure("the description is not an object");
    }
    @SuppressWarnings("unchecked")
    Map<String, Object> members = (Map<String, Object>) value;
    return members;
  }

  private JsonException failure(String what) {
    return new JsonException("character %d: %s".formatted(at, what));
  }

  private void space() {
    while (at < text.length() && " \n\r\t".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
  }

  private boolean take(char expected) {
    space();
    if (at < text.length() && text.charAt(at) == expected) {
      at++;
      return true;
    }
    return false;
  }

  private void require(char expected) throws JsonException {
    if (!take(expected)) {
      throw failure("'" + expected + "' is missing");
    }
  }

  private Object value(int depth) throws JsonException {
    if (depth > DEEPEST) {
      throw failure("nested too deeply");
    }
    space();
    if (take('{')) {
      return object(depth);
    }
    if (take('[')) {
      return list(depth);
    }
    if (take('"')) {
      return string();
    }
    if (text.startsWith("null", at)) {
      at += "null".length();
      return null;
    }
    return number();
  }

  private Map<String, Object> object(int depth) throws JsonException {
    Map<String, Object> members = new LinkedHashMap<>();
    if (take('}')) {
      return members;
    }
    do {
      require('"');
      String name = string();
      require(':');
      if (members.containsKey(name)) {
        throw failure("'" + name + "' is given twice");
      }
      members.put(name, value(depth + 1));
    } while (take(','));
    require('}');
    return members;
  }

  private List<Object> list(int depth) throws JsonException {
    List<Object> elements = new ArrayList<>();
    if (take(']')) {
      return elements;
    }
    do {
      elements.add(value(depth + 1));
    } while (take(','));
    require(']');
    return elements;
  }

  private String string() throws JsonException {
    StringBuilder out = new StringBuilder();
    while (at < text.length() && text.charAt(at) != '"') {
      char c = text.charAt(at++);
      if (c < ' ') {
        throw failure("a string is not closed");
      }
      out.append(c == '\\' ? escaped() : c);
    }
    if (at == text.length()) {
      throw failure("a string is not closed");
    }
    at++;
    return out.toString();
  }

  private char escaped() throws JsonException {
    char kind = at < text.length() ? text.charAt(at++) : ' ';
    switch (kind) {
      case '"', '\\', '/' -> {
        return kind;
      }
      case 'n' -> {
        return '\n';
      }
      case 't' -> {
        return '\t';
      }
      case 'u' -> {
        if (at + 4 > text.length()) {
          throw failure("an escape is cut off");
        }
        int code = 0;
        for (int i = 0; i < 4; i++) {
          int digit = Character.digit(text.charAt(at++), 16);
          if (digit < 0) {
            throw failure("an escape is not hexadecimal");
          }
          code = code << 4 | digit;
        }
        return (char) code;
      }
      default -> throw failure("an unknown escape");
    }
  }

  private Long number() throws JsonException {
    int start = at;
    while (at < text.length() && at - start < LONGEST_NUMBER && isNumberPart(text.charAt(at))) {
      at++;
    }
    try {
      return Long.valueOf(text.substring(start, at));
    } catch (NumberFormatException e) {
      throw failure("neither an object, a list, a string, a whole number nor null");
    }
  }

  private static boolean isNumberPart(char c) {
    return c == '-' || c >= '0' && c <= '9';
  }
}
