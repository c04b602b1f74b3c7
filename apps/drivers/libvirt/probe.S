# What probe.py lets a virtual machine boot, as a boot sector: enter 64-bit mode, count to 100 million, exchange 16 bytes
# atomically, leave by QEMU's debug exit. Real hardware help does that in a tenth of a second; a KVM that interprets
# instructions takes minutes or does not know cmpxchg16b, which kernels use.
# gcc -c -o probe.o probe.S && objcopy -O binary -j .text probe.o probe.bin
.code16
start:
 cli
 xorw %ax,%ax
 movw %ax,%ds
 movw %ax,%es
 movw %ax,%ss
 movw $0x7c00,%sp
 cld
 movl $0x1000,%edi
 movl %edi,%cr3
 xorl %eax,%eax
 movl $3072,%ecx
 rep stosl %eax,%es:(%di)
 movl $0x2003,0x1000
 movl $0x3003,0x2000
 movl $0x83,0x3000
 movl %cr4,%eax
 orl $0x20,%eax
 movl %eax,%cr4
 movl $0xc0000080,%ecx
 rdmsr
 orl $0x100,%eax
 wrmsr
 movl %cr0,%eax
 orl $0x80000001,%eax
 movl %eax,%cr0
 lgdtl gdtr-start+0x7c00
 ljmpw $8,$(long-start+0x7c00)
.code64
long:
 movl $100000000,%ecx
1: decl %ecx
 jnz 1b
 movl $0x8000,%edi
 lock cmpxchg16b (%rdi)
 movb $0x10,%al
 outb %al,$0xf4
2: hlt
 jmp 2b
 .balign 8
gdt: .quad 0
 .quad 0x00209a0000000000
gdtr: .word gdtr-gdt-1
 .long gdt-start+0x7c00
.org 510
 .word 0xaa55
