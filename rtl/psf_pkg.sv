// SPDX-License-Identifier: Apache-2.0
// Constants shared by the accelerator and mirrored by golden/hardware/isa.py: opcodes, load targets,
// layer modes, error causes and the fields of the 64-byte descriptor (docs/architecture.md).
package psf_pkg;

  localparam int unsigned DescriptorBytes = 64;

  // One build of the accelerator (docs/architecture.md, "Parameters"; golden.hardware.configuration).
  typedef struct packed {
    int unsigned Groups;  // groups of lanes, a power of two
    int unsigned Lanes;  // lanes of a group, a power of two, a multiple of Banks
    int unsigned Banks;  // weight banks, a power of two
    int unsigned LineWords;  // words of a spike line, a power of two
    int unsigned AccDepth;  // accumulators of a lane
    int unsigned AccWidth;  // bits of an accumulator
    int unsigned StreamWidth;  // bits of a residual value
    int unsigned BankDepth;  // weight words of a bank
    int unsigned RowDepth;  // row-table entries of a bank
    int unsigned ParamDepth;  // parameter words
    int unsigned SpikeLines;  // lines of the spike memory
    int unsigned StreamDepth;  // residual words of a bank
    int unsigned PatchLines;  // lines of a patch, a power of two
  } config_t;

  localparam config_t CFG_2X8 = '{
      Groups: 2,
      Lanes: 8,
      Banks: 4,
      LineWords: 8,
      AccDepth: 32,
      AccWidth: 20,
      StreamWidth: 16,
      BankDepth: 2048,
      RowDepth: 2048,
      ParamDepth: 256,
      SpikeLines: 4096,
      StreamDepth: 1024,
      PatchLines: 64
  };

  localparam config_t CFG_4X16 = '{
      Groups: 4,
      Lanes: 16,
      Banks: 8,
      LineWords: 8,
      AccDepth: 16,
      AccWidth: 20,
      StreamWidth: 16,
      BankDepth: 1024,
      RowDepth: 1024,
      ParamDepth: 128,
      SpikeLines: 2048,
      StreamDepth: 512,
      PatchLines: 64
  };

  localparam config_t CFG_4X32 = '{
      Groups: 4,
      Lanes: 32,
      Banks: 8,
      LineWords: 4,
      AccDepth: 32,
      AccWidth: 20,
      StreamWidth: 16,
      BankDepth: 2048,
      RowDepth: 2048,
      ParamDepth: 256,
      SpikeLines: 8192,
      StreamDepth: 1024,
      PatchLines: 128
  };

  // Opcodes, word 0 bits 7:0.
  localparam logic [7:0] OP_LOAD = 8'h01;
  localparam logic [7:0] OP_LAYER = 8'h02;
  localparam logic [7:0] OP_STORE = 8'h03;
  localparam logic [7:0] OP_END = 8'h04;

  // Targets of OP_LOAD.
  localparam logic [3:0] TARGET_WEIGHT = 4'd0;
  localparam logic [3:0] TARGET_ROW = 4'd1;
  localparam logic [3:0] TARGET_PARAM = 4'd2;
  localparam logic [3:0] TARGET_SPIKE = 4'd3;
  localparam logic [3:0] TARGET_LOGIT = 4'd4;
  localparam logic [3:0] TARGET_MASK = 4'd5;

  // Lines of the row mask of a group.
  localparam int unsigned MaskLines = 64;

  // The residual stream summed up, and how many planes of the sums a head sees at least.
  localparam int unsigned SumBits = 32;
  localparam int unsigned MinPlanes = 25;

  // What a group does with finished accumulators.
  localparam logic [1:0] MODE_SPIKE = 2'd0;  // + bias, LIF, pack, write
  localparam logic [1:0] MODE_RESIDUAL = 2'd1;  // + bias, << shift, + stream, back, LIF, write
  localparam logic [1:0] MODE_KEY_VALUE = 2'd2;  // K^T V counts into the weight banks
  localparam logic [1:0] MODE_HEAD = 2'd3;  // add to the logits

  // Causes in the ERROR_CAUSE register (docs/architecture.md, "Errors").
  localparam logic [7:0] ERROR_NONE = 8'd0;
  localparam logic [7:0] ERROR_OPCODE = 8'd1;  // unknown opcode
  localparam logic [7:0] ERROR_FIELD = 8'd2;  // a descriptor field is out of range
  localparam logic [7:0] ERROR_READ = 8'd3;  // SLVERR or DECERR on a read
  localparam logic [7:0] ERROR_WRITE = 8'd4;  // SLVERR or DECERR on a write
  localparam logic [7:0] ERROR_PROGRAM_CRC = 8'd5;
  localparam logic [7:0] ERROR_WEIGHT_CRC = 8'd6;  // the data of a load
  localparam logic [7:0] ERROR_NO_END = 8'd7;  // PROGRAM_COUNT descriptors without OP_END
  localparam logic [7:0] ERROR_OVERRUN = 8'd8;  // beyond the end of a memory on the chip
  localparam logic [7:0] ERROR_READ_WINDOW = 8'd9;
  localparam logic [7:0] ERROR_WRITE_WINDOW = 8'd10;
  localparam logic [7:0] ERROR_PARITY = 8'd11;
  localparam logic [7:0] ERROR_TIMEOUT = 8'd12;
  localparam logic [7:0] ERROR_ABORT = 8'd13;

  // A job: one run of the program on one image.
  typedef struct packed {
    logic [31:3] image;   // byte addresses, multiples of 8
    logic [31:3] result;
    logic        irq;     // interrupt when it is done
    logic [15:0] index;   // in the ring, free running; 0 without a ring
  } job_t;

  // OP_LOAD, OP_STORE.
  typedef struct packed {
    logic [15:0] wait_layers;  // start when this many layers of the job have completed; if 0:
    logic [15:0] wait_previous;  // ... when this many of the job before have (store: one more)
    logic check;  // crc is that of the data
    logic [31:0] crc;  // CRC-32 (IEEE 802.3) of all beats
    logic from_image;  // address is relative to IMAGE_BASE, else WEIGHT_BASE
    logic [3:0] target;
    logic [7:0] unit_words;  // TARGET_SPIKE: P-bit words per line
    logic [15:0] dest;  // first address in the target memory
    logic [23:0] records;  // number of records, see docs/architecture.md
    logic [31:0] offset;  // bytes, a multiple of 8
    logic coded;  // TARGET_WEIGHT, TARGET_ROW: what is stored has to be decoded
    logic block;  // coded weights: word k of a row goes to block k of the accumulators
    logic [3:0] index_bits;  // coded weights: stored bits of an index
    logic [7:0] row_words;  // coded weights with block: words per row
    logic [15:0] first_word;  // coded rows: weight address of the first row of every bank
    logic [31:0] codebook_0;  // coded weights: the weights of codes 0 (bits 7:0) to 3
    logic [31:0] codebook_1;  // ... 4 to 7
    logic [31:0] codebook_2;  // ... 8 to 11
    logic [31:0] codebook_3;  // ... 12 to 15
  } load_t;

  // OP_LAYER.
  typedef struct packed {
    logic [7:0] id;  // index in counters and traces
    logic [15:0] wait_loads;  // start when this many loads have completed since start
    logic [15:0] charge;  // spike: of the membranes, added in parts at the first timestep, by place
    logic [1:0] mode;
    logic kernel3;  // 3x3 stride 1 padding 1, else 1x1
    logic merge;  // all scanned steps go into one accumulation (head); a head without it
                  // sums the stream first and doubles the logits at every step
    logic repeat_drain;  // one scanned step, drained `steps` times (first convolution)
    logic pool;  // OR-pool k3 s2 p1 on the written spikes
    logic first;  // residual: the stream starts here
    logic [3:0] shift;  // residual: left shift of the current
    logic [15:0] in_base;  // line of pixel 0
    logic [7:0] in_lines;  // lines per pixel
    logic [15:0] in_row_lines;  // lines per image row
    logic [15:0] height;
    logic [15:0] width;
    logic [7:0] in_first;  // first word of a step
    logic [7:0] in_words;  // words scanned per step
    logic [7:0] in_step;  // words from one step to the next
    logic [7:0] steps;  // timesteps
    logic [15:0] row_base;  // row-table entry (per bank) of tap 0, word 0
    logic [15:0] tap_rows;  // row-table entries per bank from tap to tap
    logic [15:0] step_rows;  // row-table entries per bank from step to step
    logic [7:0] row_cost;  // cycles between two rows of a group: slots per row
    logic [15:0] out_base;
    logic [7:0] out_lines;
    logic [15:0] out_row_lines;  // pool: lines per pooled row
    logic [15:0] out_clear;  // pool: lines to clear first
    logic [7:0] out_first;
    logic [7:0] out_step;
    logic [7:0] out_words;  // J, accumulators per lane
    logic [15:0] param_base;
    logic [15:0] stream_stride;  // residual words per bank and token (timesteps * J)
    logic [7:0] head_words;  // key-value: words per head block, m
    logic [7:0] head_lanes;  // key-value: log2 of the lanes that share a head (min(d, P))
    logic [15:0] tokens;  // key-value: N
    logic [15:0] dump_base;  // key-value: weight address (per bank) of row (t 0, channel 0)
    logic [15:0] dump_step;  // key-value: weight addresses per bank from step to step
    logic [15:0] dump_block;  // key-value: weight addresses per bank from block to block
    logic [7:0] mask_base;  // mask line of tap 0, line 0
    logic [7:0] mask_lines;  // mask lines of a tap, repeated over those of a pixel; 0: no mask
    logic [15:0] stream_tokens;  // head without merge: tokens of the residual stream
  } layer_t;

  // Word w of descriptor d.
  function automatic logic [31:0] word(logic [511:0] d, int unsigned w);
    return d[32*w+:32];
  endfunction

  function automatic load_t to_load(logic [511:0] d);
    logic [31:0] w1, w2, w3, w4, w5, w6, w8, w9, w10, w11;
    load_t l;
    w1 = word(d, 1);
    w2 = word(d, 2);
    w3 = word(d, 3);
    w4 = word(d, 4);
    w5 = word(d, 5);
    w6 = word(d, 6);
    w8 = word(d, 8);
    w9 = word(d, 9);
    w10 = word(d, 10);
    w11 = word(d, 11);
    l.wait_layers = w1[15:0];
    l.wait_previous = w1[31:16];
    l.check = w2[5];
    l.crc = w5;
    l.target = w2[3:0];
    l.from_image = w2[4];
    l.unit_words = w2[15:8];
    l.dest = w2[31:16];
    l.records = w3[23:0];
    l.offset = w4;
    l.coded = w2[6];
    l.block = w2[7];
    l.index_bits = w6[3:0];
    l.row_words = w6[15:8];
    l.first_word = w6[31:16];
    l.codebook_0 = w8;
    l.codebook_1 = w9;
    l.codebook_2 = w10;
    l.codebook_3 = w11;
    return l;
  endfunction

  function automatic layer_t to_layer(logic [511:0] d);
    logic [31:0] w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13;
    layer_t l;
    w0 = word(d, 0);
    w1 = word(d, 1);
    w2 = word(d, 2);
    w3 = word(d, 3);
    w4 = word(d, 4);
    w5 = word(d, 5);
    w6 = word(d, 6);
    w7 = word(d, 7);
    w8 = word(d, 8);
    w9 = word(d, 9);
    w10 = word(d, 10);
    w11 = word(d, 11);
    w12 = word(d, 12);
    w13 = word(d, 13);
    l.id = w0[15:8];
    l.mode = w0[17:16];
    l.kernel3 = w0[18];
    l.merge = w0[19];
    l.repeat_drain = w0[20];
    l.pool = w0[21];
    l.first = w0[22];
    l.shift = w0[27:24];
    l.wait_loads = w1[15:0];
    l.charge = w1[31:16];
    l.in_base = w2[15:0];
    l.in_row_lines = w2[31:16];
    l.width = w3[15:0];
    l.height = w3[31:16];
    l.in_lines = w4[7:0];
    l.out_lines = w4[15:8];
    l.steps = w4[23:16];
    l.row_cost = w4[31:24];
    l.in_first = w5[7:0];
    l.in_words = w5[15:8];
    l.in_step = w5[23:16];
    l.out_words = w5[31:24];
    l.row_base = w6[15:0];
    l.tap_rows = w6[31:16];
    l.step_rows = w7[15:0];
    l.param_base = w7[31:16];
    l.out_base = w8[15:0];
    l.out_row_lines = w8[31:16];
    l.out_clear = w9[15:0];
    l.out_first = w9[23:16];
    l.out_step = w9[31:24];
    l.stream_stride = w10[15:0];
    l.head_words = w10[23:16];
    l.head_lanes = w10[31:24];
    l.tokens = w11[15:0];
    l.dump_base = w11[31:16];
    l.dump_step = w12[15:0];
    l.dump_block = w12[31:16];
    l.mask_base = w13[7:0];
    l.mask_lines = w13[15:8];
    l.stream_tokens = w13[31:16];
    return l;
  endfunction

endpackage
