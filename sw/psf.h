/* SPDX-License-Identifier: Apache-2.0
 *
 * Driver of the PruneSpikformer accelerator: C99, no allocation, no operating system.
 *
 * Registers are 32-bit and memory-mapped at the address that psf_init gets. With PSF_IO_EXTERNAL
 * defined, psf_io_read and psf_io_write are functions of yours instead, e.g. a register model.
 * Addresses of images, results and the like are those that the accelerator's bus master sees.
 * Nothing here waits for ever and nothing flushes caches: memory that both sides use is yours to
 * keep coherent.
 */
#ifndef PSF_H
#define PSF_H

#include <stdint.h>

#include "psf_causes.h"
#include "psf_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

enum psf_status {
  PSF_OK = 0,
  PSF_BUSY,         /* a run is not over yet */
  PSF_NOT_THERE,    /* ID is not that of the accelerator */
  PSF_VERSION,      /* an incompatible register map */
  PSF_CAPABILITY,   /* the network was compiled for other hardware */
  PSF_ARGUMENT,     /* an address is not aligned, or a size is out of range */
  PSF_LOCKED,       /* the windows are locked and differ */
  PSF_FAILED,       /* the accelerator stopped: psf_error says why */
  PSF_STUCK,        /* the bus never answered; only a reset of the bus helps */
  PSF_TIMEOUT,      /* not over after the given number of looks */
  PSF_FULL,         /* no room in the ring */
  PSF_PACKAGE       /* not a package, of another version, cut off, or damaged */
};

/* Why a run stopped. */
struct psf_error {
  uint8_t cause;         /* enum psf_cause */
  uint16_t descriptor;   /* index in the program */
  uint32_t address;      /* on the bus, of read, write and window errors, else 0 */
  uint32_t address_high; /* its bits from 32 on */
  uint16_t job;          /* in the ring */
};

/* An address of the accelerator's bus. psf_init finds out how many bits it has, 32 to 64 (those of
 * the ring's images and results: at most 63); a larger one is a PSF_ARGUMENT. */
typedef uint64_t psf_address;

#define PSF_CAPABILITIES 7u /* words that say what hardware it is */

struct psf_device {
  uintptr_t base;
  uint32_t capability[PSF_CAPABILITIES]; /* CAP0 to CAP6 */
  volatile uint32_t *ring;
  uint16_t ring_words, ring_mask, ring_head;
  uint8_t address_bits; /* of the bus */
};

/* A network in memory: what psf_load hands over. Addresses are multiples of 8. */
struct psf_network {
  psf_address program, weights;
  uint16_t descriptors;   /* PROGRAM_COUNT */
  uint32_t capability[PSF_CAPABILITIES]; /* of the hardware that it was compiled for */
};

/* Inclusive byte addresses: `first` is a multiple of 8, `last` is one less than such. */
struct psf_window {
  psf_address first, last;
};

/* Check ID and version, read what hardware it is, stop whatever runs, clear interrupts. */
enum psf_status psf_init(struct psf_device *device, uintptr_t base);

/* What the accelerator may read and write; after reset that is nothing. */
enum psf_status psf_windows(struct psf_device *device, struct psf_window reads,
                            struct psf_window writes);
/* Freeze the windows until the next hardware reset. */
void psf_lock(struct psf_device *device);
/* Cycles that one image may take, 0: no limit. */
void psf_watchdog(struct psf_device *device, uint32_t cycles);

/* Hand over a network; PSF_CAPABILITY if it is for other hardware. */
enum psf_status psf_load(struct psf_device *device, const struct psf_network *network);

/* Classify one image. `image` and `result` are multiples of 8. */
enum psf_status psf_start(struct psf_device *device, psf_address image, psf_address result);
/* PSF_OK once the run has ended well, PSF_BUSY before, PSF_FAILED or PSF_STUCK. */
enum psf_status psf_poll(struct psf_device *device);
/* psf_poll until it is not busy, at most `looks` times. */
enum psf_status psf_wait(struct psf_device *device, uint32_t looks);
/* Class, and cycles from start to end, of the last image. */
uint16_t psf_label(struct psf_device *device);
uint32_t psf_cycles(struct psf_device *device);

/* Which interrupts are raised: PSF_IRQ_* below. */
void psf_irq_enable(struct psf_device *device, uint32_t which);
/* For the interrupt handler: what happened, cleared by this. */
uint32_t psf_irq_take(struct psf_device *device);
#define PSF_IRQ_JOB PSF_REGS__IRQ_STATUS__JOB_bm
#define PSF_IRQ_ERROR PSF_REGS__IRQ_STATUS__ERROR_bm

/* Why the last run stopped; cause 0 if it did not. */
struct psf_error psf_error(struct psf_device *device);
/* In words, for a log. */
const char *psf_cause(uint8_t cause);
const char *psf_text(enum psf_status status);

/* Stop the run; it ends as one with cause ABORT. */
void psf_abort(struct psf_device *device);

/* A ring of 2^log2 entries (16 bytes each, `address` a multiple of 16) that lies at `ring` for the
 * processor. Idle hardware only. */
enum psf_status psf_ring(struct psf_device *device, volatile uint32_t *ring, psf_address address,
                         unsigned log2_entries);
/* Queue an image; with `interrupt`, PSF_IRQ_JOB is raised when it is done. */
enum psf_status psf_push(struct psf_device *device, psf_address image, psf_address result,
                         int interrupt);
/* The same with images that carry a checksum: entries have 32 bytes, and an image whose CRC-32 is not
 * `crc` (psf_crc over its bytes as they were packed) ends the run with cause IMAGE_CRC. */
enum psf_status psf_ring_checked(struct psf_device *device, volatile uint32_t *ring,
                                 psf_address address, unsigned log2_entries);
enum psf_status psf_push_checked(struct psf_device *device, psf_address image, psf_address result,
                                 int interrupt, uint32_t crc);
/* Jobs that are queued and not yet done. */
uint16_t psf_pending(struct psf_device *device);

/* ---- Packages: what `psf compile --format bin` writes. All numbers are little endian. */

#define PSF_PACKAGE_MAGIC 0x50465350u /* "PSFP" */
#define PSF_PACKAGE_VERSION 3u

/* Offsets count from the first byte of the package; every part begins at a multiple of 64. */
struct psf_package {
  uint32_t magic, version;
  uint32_t size;  /* bytes of the whole package */
  uint32_t crc;   /* CRC-32 of the whole package with 0 in its place */
  uint32_t capability[PSF_CAPABILITIES];
  uint32_t program, descriptors;
  uint32_t weights, weight_bytes;
  /* What psf_start and psf_push take, `batch` images each: */
  uint32_t images, image_bytes, image_stride, image_count;
  uint32_t expected;     /* of every image a class and its logits, int32 each; 0 without images */
  uint32_t classes;
  uint32_t result_bytes; /* the accelerator writes so much for one of them, `batch` equal parts */
  uint32_t batch;        /* images of a job, 1 to 256 */
  uint32_t reserved;
};

/* Look at the package of at most `size` bytes at `bytes` (4-byte aligned): PSF_PACKAGE, or PSF_OK
 * and its header. */
enum psf_status psf_package_open(const void *bytes, uint32_t size,
                                 const struct psf_package **package);
/* The network of a package that lies at `address` for the accelerator, a multiple of 8. */
struct psf_network psf_package_network(const struct psf_package *package, psf_address address);
/* CRC-32 (IEEE 802.3), to go on from `before`, at first 0. */
uint32_t psf_crc(const void *bytes, uint32_t size, uint32_t before);

#ifdef PSF_IO_EXTERNAL
uint32_t psf_io_read(uintptr_t address);
void psf_io_write(uintptr_t address, uint32_t value);
#else
static inline uint32_t psf_io_read(uintptr_t address) { return *(volatile uint32_t *)address; }
static inline void psf_io_write(uintptr_t address, uint32_t value) {
  *(volatile uint32_t *)address = value;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
