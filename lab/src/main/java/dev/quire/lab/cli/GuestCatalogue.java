package dev.quire.lab.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The built-in guests: read from {@code dev/quire/images/manifest.json} on the class path. */
public final class GuestCatalogue {
  private static final String FOLDER = "/dev/quire/images/";

  private final List<GuestImage> images;

  GuestCatalogue(List<GuestImage> images) {
    this.images = List.copyOf(images);
  }

  /** Reads the manifest that ships with this build. */
  public static GuestCatalogue builtIn() {
    try (InputStream manifest =
        GuestCatalogue.class.getResourceAsStream(FOLDER + "manifest.json")) {
      if (manifest == null) {
        throw new IllegalStateException("this build lacks " + FOLDER + "manifest.json");
      }
      return new GuestCatalogue(parse(manifest));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + FOLDER + "manifest.json", e);
    }
  }

  public List<GuestImage> images() {
    return images;
  }

  /** The guest of that name; null if there is none. */
  public GuestImage find(String name) {
    for (GuestImage image : images) {
      if (image.name().equals(name)) {
        return image;
      }
    }
    return null;
  }

  /** The name that a mistyped one probably meant; null if nothing is near. */
  public String nearest(String name) {
    String nearest = Nearest.to(name, images.stream().map(GuestImage::name).toList());
    if (nearest != null) {
      return nearest;
    }
    String stem = Nearest.to(name, images.stream().map(GuestCatalogue::stem).toList());
    for (GuestImage image : images) {
      if (stem(image).equals(stem)) {
        return image.name();
      }
    }
    return null;
  }

  private static String stem(GuestImage image) {
    int dash = image.name().lastIndexOf('-');
    return dash < 0 ? image.name() : image.name().substring(0, dash);
  }

  /** The bytes of a guest of this catalogue. */
  public byte[] bytes(GuestImage image) {
    try (InputStream file = GuestCatalogue.class.getResourceAsStream(FOLDER + image.file())) {
      if (file == null) {
        throw new IllegalStateException("this build lacks " + FOLDER + image.file());
      }
      return file.readAllBytes();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot read " + FOLDER + image.file(), e);
    }
  }

  static List<GuestImage> parse(InputStream manifest) throws IOException {
    List<GuestImage> images = new ArrayList<>();
    try (JsonParser parser = new JsonFactory().createParser(manifest)) {
      parser.nextToken();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String field = parser.currentName();
        parser.nextToken();
        if (!field.equals("images")) {
          parser.skipChildren();
          continue;
        }
        while (parser.nextToken() == JsonToken.START_OBJECT) {
          images.add(image(parser));
        }
      }
    }
    return images;
  }

  private static GuestImage image(JsonParser parser) throws IOException {
    Map<String, String> fields = new TreeMap<>();
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String field = parser.currentName();
      parser.nextToken();
      fields.put(field, parser.getValueAsString(""));
      parser.skipChildren();
    }
    return new GuestImage(
        fields.get("name"),
        fields.get("arch"),
        fields.get("file"),
        fields.get("purpose"),
        fields.get("expected"),
        Integer.parseInt(fields.getOrDefault("cpus", "1")),
        MemorySize.parse(fields.getOrDefault("memory", "64M")));
  }
}
