/* A plugin for QEMU: cuts the power after a chosen store, and counts instructions and stores.
 *
 *   -plugin power_cut.so,window=FILE,base=ADDR,lo=ADDR,hi=ADDR,cut=N,image=BYTES,out=FILE
 *
 * window   the file behind the memory that survives a power cut, which begins at address base
 * lo, hi   stores to addresses in lo..hi that change a word of that file are counted: a cut behind any other store leaves the
 *          same file as a cut before it
 * cut      the machine dies on the spot when so many of them are done; 0: never
 * image    instructions below this address are counted, each address apart
 * out      when the machine is shut down, the counts are written there: 64-bit numbers of this machine, first the stores, then
 *          the instructions executed at addresses 0, 2, 4, ...
 *
 * The declarations are those of the plugin interface, version 1, as far as they are used: no header has to be installed.
 */
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct block;
struct instruction;

EXPORT int qemu_plugin_version = 1;

extern void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct block *));
extern size_t qemu_plugin_tb_n_insns(const struct block *);
extern struct instruction *qemu_plugin_tb_get_insn(const struct block *, size_t);
extern uint64_t qemu_plugin_insn_vaddr(const struct instruction *);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct instruction *, int add, void *counter, uint64_t by);
extern void qemu_plugin_register_vcpu_mem_cb(struct instruction *, void (*)(unsigned, uint32_t, uint64_t, void *), int flags,
                                             int writes, void *);
extern void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);

enum { ADD_U64 = 0, NO_REGISTERS = 0, WRITES = 2 };

static uint64_t base, lo, hi, cut, stores, image;
static uint64_t *executed;
static const char *window, *out;
/* The file's words from lo to hi, as they are and as they were at the last store. */
static const uint32_t *words;
static uint32_t *before;

static void store(unsigned cpu, uint32_t info, uint64_t address, void *unused) {
  if (address < lo || address >= hi) return;
  uint64_t i = (address - lo) / sizeof *words;
  if (words[i] == before[i]) return;
  before[i] = words[i];
  stores++;
  if (stores == cut) kill(getpid(), SIGKILL);
}

static void translated(plugin_id id, struct block *block) {
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); i++) {
    struct instruction *instruction = qemu_plugin_tb_get_insn(block, i);
    uint64_t address = qemu_plugin_insn_vaddr(instruction);
    if (address < image) qemu_plugin_register_vcpu_insn_exec_inline(instruction, ADD_U64, &executed[address / 2], 1);
    if (hi > lo) qemu_plugin_register_vcpu_mem_cb(instruction, store, NO_REGISTERS, WRITES, NULL);
  }
}

static void finished(plugin_id id, void *unused) {
  if (!out) return;
  FILE *file = fopen(out, "wb");
  if (!file) {
    perror(out);
    return;
  }
  fwrite(&stores, sizeof stores, 1, file);
  fwrite(executed, sizeof *executed, image / 2, file);
  fclose(file);
}

static int watch(void) {
  int file = open(window ? window : "", O_RDONLY);
  if (file < 0) {
    perror("window");
    return 1;
  }
  /* Whole pages from the file's start on. */
  const char *all = mmap(NULL, hi - base, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  before = malloc(hi - lo);
  if (all == MAP_FAILED || !before) return 1;
  words = (const uint32_t *)(all + (lo - base));
  memcpy(before, words, hi - lo);
  return 0;
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv) {
  for (int i = 0; i < argc; i++) {
    char *value = strchr(argv[i], '=');
    if (!value) return 1;
    *value++ = 0;
    if (!strcmp(argv[i], "window")) window = strdup(value);
    else if (!strcmp(argv[i], "base")) base = strtoull(value, NULL, 0);
    else if (!strcmp(argv[i], "lo")) lo = strtoull(value, NULL, 0);
    else if (!strcmp(argv[i], "hi")) hi = strtoull(value, NULL, 0);
    else if (!strcmp(argv[i], "cut")) cut = strtoull(value, NULL, 0);
    else if (!strcmp(argv[i], "image")) image = strtoull(value, NULL, 0);
    else if (!strcmp(argv[i], "out")) out = strdup(value);
    else return 1;
  }
  executed = calloc(image / 2 + 1, sizeof *executed);
  if (!executed || (hi > lo && watch())) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, finished, NULL);
  return 0;
}
