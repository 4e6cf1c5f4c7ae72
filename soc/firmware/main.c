/* SPDX-License-Identifier: Apache-2.0
 *
 * Firmware of the system: classifies images with the accelerator, on command of the UART.
 *
 * A command is a line, and so is every answer. The last line of an answer is `ok` or begins with
 * `error: `.
 *
 *   hello            what hardware it is
 *   check            open the package in memory, say what it holds
 *   run I            classify image I of the package; the processor works in memory meanwhile
 *   quiet I          the same, but the processor keeps away from memory
 *   put BYTES        a package follows, BYTES of it
 *   image BYTES      a packed image follows and is classified
 *   flip OFFSET      flip a bit of the package, to see that somebody notices
 *
 * The network is loaded by `check`. What the accelerator finds wrong later, it says itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <generated/csr.h>
#include <generated/mem.h>
#include <generated/soc.h>
#include <irq.h>
#include <system.h>

#include "console.h"
#include "psf.h"
#include <generated/sdram_phy.h>

/* Main memory: a package, then places for one image, its result, and the processor's own work. */
#define PACKAGE MAIN_RAM_BASE
#define PACKAGE_SIZE 0x00800000u
#define IMAGE (PACKAGE + PACKAGE_SIZE)
#define IMAGE_SIZE 0x00100000u
#define RESULT (IMAGE + IMAGE_SIZE + 0x800) /* in the cache, the variables do not drive it out */
#define RESULT_SIZE 0x00008000u
#define WORK (IMAGE + IMAGE_SIZE + 0x00010000u)
#define WORK_WORDS 4096u /* four times the data cache */

#define LOOKS 100000000u

static struct psf_device device;
static const struct psf_package *package;
static enum psf_status begun; /* whether the accelerator is there and ready */
static volatile uint32_t raised;

void isr(void);
int main(void);

void isr(void) {
  if (irq_pending() & 1u << PSF_INTERRUPT)
    raised |= psf_irq_take(&device);
}

static int failed(const char *what) {
  printf("error: %s\n", what);
  return 0;
}

/* Write memory and read it again, for as long as the accelerator works. Words written. */
static uint32_t work(uint32_t seed, uint32_t *wrong) {
  volatile uint32_t *const words = (volatile uint32_t *)WORK;
  uint32_t done = 0, i;
  while (!raised) {
    for (i = 0; i < WORK_WORDS && !raised; i++)
      words[i] = seed + (i ^ done);
    flush_cpu_dcache();
    while (i-- && !raised)
      *wrong += words[i] != seed + (i ^ done);
    done += WORK_WORDS;
  }
  return done;
}

/* Classify the image at `image`; with `expected`, compare its class and logits. */
static int classify(uint32_t image, const int32_t *expected, int busy) {
  const int32_t *const result = (const int32_t *)RESULT;
  uint32_t wrong = 0, looks = LOOKS, i;
  enum psf_status status;
  int right = 1;

  memset((void *)RESULT, 0, package->result_bytes);
  raised = 0;
  status = psf_start(&device, image, RESULT);
  if (status != PSF_OK)
    return failed(psf_text(status));
  if (busy)
    work(image, &wrong);
  while (!raised && looks)
    looks--;
  status = raised ? psf_poll(&device) : PSF_TIMEOUT;
  if (status == PSF_FAILED) {
    const struct psf_error error = psf_error(&device);
    printf("error: %s: %s (descriptor %u, address 0x%08" PRIx32 ")\n", psf_text(status),
           psf_cause(error.cause), error.descriptor, error.address);
    return 0;
  }
  if (status != PSF_OK)
    return failed(psf_text(status));
  if (wrong)
    return failed("the processor read back from memory what it had not written");

  flush_cpu_dcache();
  printf("class %u cycles %" PRIu32 " logits", psf_label(&device), psf_cycles(&device));
  for (i = 0; i < package->classes; i++) {
    printf(" %" PRId32, result[2 + i]);
    right = right && (!expected || result[2 + i] == expected[1 + i]);
  }
  if (expected)
    right = right && result[0] == expected[0] && psf_label(&device) == (uint16_t)expected[0];
  printf("%s\n", !expected ? "" : right ? " as expected" : " WRONG");
  return right || failed("class or logits are not the expected ones");
}

static int check(void) {
  enum psf_status status;
  struct psf_network network;
  package = NULL;
  flush_cpu_dcache();
  status = psf_package_open((const void *)PACKAGE, PACKAGE_SIZE, &package);
  if (status != PSF_OK)
    return failed(psf_text(status));
  if (package->batch != 1) {
    package = NULL;
    return failed("the network takes several images at a time: compile it with --batch 1");
  }
  network = psf_package_network(package, PACKAGE);
  status = psf_load(&device, &network);
  if (status != PSF_OK || package->result_bytes > RESULT_SIZE) {
    package = NULL;
    return failed(psf_text(status != PSF_OK ? status : PSF_ARGUMENT));
  }
  printf("package %08" PRIx32 " images %" PRIu32 " classes %" PRIu32 " image_bytes %" PRIu32 "\n",
         package->crc, package->image_count, package->classes, package->image_bytes);
  return 1;
}

static int run(uint32_t i, int busy) {
  const int32_t *expected;
  if (!package)
    return failed("there is no network: check says why");
  if (i >= package->image_count)
    return failed("the package has fewer images");
  expected = (const int32_t *)(PACKAGE + package->expected) + i * (package->classes + 1);
  return classify(PACKAGE + package->images + i * package->image_stride, expected, busy);
}

static int receive(uint32_t address, uint32_t size, uint32_t limit) {
  uint8_t *next = (uint8_t *)address;
  if (size == 0 || size > limit)
    return failed("too many bytes, or none");
  for (; size; size--)
    *next++ = console_byte();
  return 1;
}

static int image(uint32_t size) {
  if (!package)
    return failed("there is no network: check says why");
  if (size != package->image_bytes)
    return failed("an image of this network has another size");
  return receive(IMAGE, size, IMAGE_SIZE) && classify(IMAGE, NULL, 1);
}

static int put(uint32_t size) {
  package = NULL;
  return receive(PACKAGE, size, PACKAGE_SIZE) && check();
}

static int flip(uint32_t offset) {
  if (offset >= PACKAGE_SIZE)
    return failed("this lies behind the package");
  *(volatile uint8_t *)(PACKAGE + offset) ^= 1;
  return 1;
}

static int hello(void) {
  unsigned i;
  printf("psf-soc 1: %s, %u MHz, capabilities", psf_text(begun), CONFIG_CLOCK_FREQUENCY / 1000000u);
  for (i = 0; i < PSF_CAPABILITIES; i++)
    printf(" %08" PRIx32, device.capability[i]);
  printf("\n");
  return 1;
}

static int command(const char *line) {
  char *end;
  const char *const space = strchr(line, ' ');
  const size_t length = space ? (size_t)(space - line) : strlen(line);
  const uint32_t number = space ? (uint32_t)strtoul(space + 1, &end, 0) : 0;
#define IS(name) (length == sizeof(name) - 1 && memcmp(line, name, length) == 0)
  if (IS("hello"))
    return hello();
  if (IS("check"))
    return check();
  if (!space || end == space + 1 || *end)
    return failed("a command and a number are wanted, as in run 0");
  if (IS("run"))
    return run(number, 1);
  if (IS("quiet"))
    return run(number, 0);
  if (IS("put"))
    return put(number);
  if (IS("image"))
    return image(number);
  if (IS("flip"))
    return flip(number);
  return failed("an unknown command");
}

int main(void) {
  const struct psf_window reads = {PACKAGE, IMAGE + IMAGE_SIZE - 1};
  const struct psf_window writes = {RESULT, RESULT + RESULT_SIZE - 1};
  static char line[64];

  init_sequence();
  sdram_dfii_control_write(DFII_CONTROL_SEL); /* LiteDRAM takes over from here */
  begun = psf_init(&device, PSF_BASE);
  if (begun == PSF_OK)
    begun = psf_windows(&device, reads, writes);
  if (begun == PSF_OK)
    psf_lock(&device);
  psf_irq_enable(&device, PSF_IRQ_JOB | PSF_IRQ_ERROR);
  irq_setmask(1u << PSF_INTERRUPT);
  irq_setie(1);

  hello();
  for (;;) {
    console_line(line, sizeof line);
    if (command(line))
      printf("ok\n");
  }
}
