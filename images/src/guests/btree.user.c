/* Keys are a bijective mix of 0..n-1, so each value and the sum of all are known beforehand.
 * Insertion splits full nodes on the way down (Cormen et al., chapter 18, t = 8). */
#include "user.h"
#include "workload.h"

#define MAX_KEYS 15
struct node {
  u64 count; /* keys; bit 63 marks a leaf */
  u64 keys[MAX_KEYS];
  struct node *children[MAX_KEYS + 1];
};
#define LEAF (1ul << 63)

static struct node *next_node, *end, *root;

static u64 count_of(const struct node *n) { return n->count & ~LEAF; }
static bool is_leaf(const struct node *n) { return n->count & LEAF; }

static struct node *new_node(u64 leaf) {
  if (next_node == end) {
    user_write("the heap is too small for so many keys\n");
    syscall2(SYS_EXIT, ~0ul - 1, 0);
  }
  next_node->count = leaf;
  return next_node++;
}

/* Splits the full child i of a node that is not full. */
static void split_child(struct node *parent, u64 i) {
  struct node *left = parent->children[i], *right = new_node(left->count & LEAF);
  u64 half = MAX_KEYS / 2;
  for (u64 k = 0; k < half; k++) {
    right->keys[k] = left->keys[half + 1 + k];
  }
  for (u64 k = 0; k <= half && !is_leaf(left); k++) {
    right->children[k] = left->children[half + 1 + k];
  }
  right->count += half;
  left->count = (left->count & LEAF) | half;
  for (u64 k = count_of(parent); k > i; k--) {
    parent->keys[k] = parent->keys[k - 1];
    parent->children[k + 1] = parent->children[k];
  }
  parent->keys[i] = left->keys[half];
  parent->children[i + 1] = right;
  parent->count++;
}

static void insert(u64 key) {
  if (count_of(root) == MAX_KEYS) {
    struct node *top = new_node(0);
    top->children[0] = root;
    root = top;
    split_child(root, 0);
  }
  struct node *n = root;
  while (!is_leaf(n)) {
    u64 i = 0;
    for (; i < count_of(n) && key > n->keys[i]; i++) {
    }
    if (count_of(n->children[i]) == MAX_KEYS) {
      split_child(n, i);
      i += key > n->keys[i];
    }
    n = n->children[i];
  }
  u64 i = count_of(n);
  for (; i > 0 && key < n->keys[i - 1]; i--) {
    n->keys[i] = n->keys[i - 1];
  }
  n->keys[i] = key;
  n->count++;
}

static bool contains(u64 key) {
  const struct node *n = root;
  for (;;) {
    u64 i = 0, count = count_of(n);
    for (; i < count && key > n->keys[i]; i++) {
    }
    if (i < count && n->keys[i] == key) {
      return true;
    }
    if (is_leaf(n)) {
      return false;
    }
    n = n->children[i];
  }
}

/* In order: counts, sums, and counts what is out of order. */
struct totals {
  u64 count, sum, last, disorder;
};

static void visit(const struct node *n, struct totals *t) {
  for (u64 i = 0; i < count_of(n); i++) {
    if (!is_leaf(n)) {
      visit(n->children[i], t);
    }
    t->disorder += t->count && n->keys[i] <= t->last;
    t->last = n->keys[i];
    t->sum += n->keys[i];
    t->count++;
  }
  if (!is_leaf(n)) {
    visit(n->children[count_of(n)], t);
  }
}

static u64 key_of(u64 i) { return mix64(i + (workload_args.seed << 32)); }

u64 user_btree(u64 unused_a, u64 unused_b) {
  (void)unused_a, (void)unused_b;
  const struct workload_args *args = &workload_args;
  u64 keys = args->parameter, sum = 0, found = 0, strangers = 0;
  next_node = (struct node *)args->heap;
  end = next_node + args->bytes / sizeof(struct node);
  root = new_node(LEAF);
  for (u64 i = 0; i < keys; i++) {
    insert(key_of(i));
    sum += key_of(i);
  }
  user_mark(MARK_BEGIN);
  for (u64 k = 0; k < args->iters; k++) {
    u64 state = args->seed + k;
    for (u64 i = 0; i < keys; i++) {
      found += contains(key_of(random64(&state) % keys));
      strangers += contains(key_of(keys + i)); /* never inserted */
    }
  }
  user_mark(MARK_END);
  struct totals t = {0};
  visit(root, &t);
  workload_result = (struct workload_result){(u64)next_node - args->heap, 2 * keys * args->iters,
                                             t.sum ^ t.count};
  return (t.count != keys) + (t.sum != sum) + t.disorder + (found != keys * args->iters) +
         strangers;
}
