# The guest disk's boot sector: loads an uncompressed Linux and enters it in 64-bit mode.
#
# Why not syslinux or GRUB: both hand over a compressed kernel, and under TCG the kernel's own decompressor is the
# longest single wait of a boot. This one copies the plain kernel image into place and needs no host program.
#
# The builder prepares all that can be prepared (../bootsector.py): sectors 1 to 16 go to 0x8000 as they are, and hold
#   0x8000  Linux's boot parameters ("zero page"); only the memory map is filled in here
#   0x9000  the kernel's command line
#   0x9800  extents: first sector, number of sectors, address; a number of 0 ends the list
# Source: Documentation/arch/x86/boot.rst ("64-bit boot protocol") and zero-page.rst in Linux.
#
# The bytes in ../bootsector.py are this file's; a unit test assembles it and compares where `as` is present.

        .set    PARAMS, 0x8000
        .set    EXTENTS, 0x9800
        .set    BOUNCE, 0x10000         # the BIOS reads below 1 MiB; from here the data is moved up
        .set    MOST, 128               # sectors in one BIOS call: a qcow2 cluster, and all that QEMU's BIOS allows
        .set    FEWER, 64               # the same for a BIOS that keeps to EDD's limit of 127
        .set    KERNEL, 0x1000000       # the kernel is linked to run here, unrelocated
        .set    TABLES, 0x1000          # three pages of page tables: an identity map of the first GiB

        .code16
        .globl  _start
_start: cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, drive
        sti
        cld
        inb     $0x92, %al              # address line 20, for a BIOS that leaves it masked
        orb     $2, %al
        outb    %al, $0x92
        call    read                    # the packet below asks for the parameters first

        xorl    %ebx, %ebx              # the memory map: INT 15h E820 writes Linux's own record format
        movw    $PARAMS+0x2d0, %di
memory: movl    $0xe820, %eax
        movl    $0x534d4150, %edx
        movl    $20, %ecx
        int     $0x15
        jc      load
        addw    $20, %di
        incb    PARAMS+0x1e8
        testl   %ebx, %ebx
        jnz     memory

load:   movw    $BOUNCE/16, segment
        movw    $0, offset
        movw    $EXTENTS, %bp
extent: movl    %ds:(%bp), %eax
        movl    %eax, sector
chunk:  movl    %ds:4(%bp), %eax
        testl   %eax, %eax
        jz      enter
        movzbl  most, %ecx
        cmpl    %ecx, %eax
        jbe     1f
        movl    %ecx, %eax
1:      movw    %ax, count
        pushl   %eax
        call    read
        popl    %ecx
        addl    %ecx, sector
        subl    %ecx, %ds:4(%bp)
        pushfl
        shll    $7, %ecx                # sectors to double words
        movl    %ds:8(%bp), %edi
        movl    $BOUNCE, %esi
        call    reach
        addr32  rep movsl
        movw    %cx, %ds
        movw    %cx, %es
        movl    %edi, %ds:8(%bp)
        popfl
        jnz     chunk
        addw    $12, %bp
        jmp     extent

# Read `count` sectors as the packet says; the BIOS may change any register but those it documents.
read:   pushw   %bp
        movw    $packet, %si
        movb    drive, %dl
        movb    $0x42, %ah
        int     $0x13
        popw    %bp
        jc      fewer
        ret
fewer:  cmpb    $FEWER, most
        je      failed
        movb    $FEWER, most
        addw    $6, %sp                 # the return address and the count that `chunk` has put there
        jmp     chunk

# Give ds and es 4 GiB of reach: load them in protected mode and go back ("unreal mode"). The BIOS undoes it, so it is
# done for every chunk. Interrupts stay off until the caller is through.
reach:  cli
        lgdt    gdtr
        movl    %cr0, %eax
        orb     $1, %al
        movl    %eax, %cr0
        movw    $0x18, %bx
        movw    %bx, %ds
        movw    %bx, %es
        andb    $0xfe, %al
        movl    %eax, %cr0
        ret

failed: movw    $0x0e00+'!', %ax
        movw    $7, %bx
        int     $0x10
1:      hlt
        jmp     1b

enter:  cli
        xorl    %eax, %eax
        movw    $TABLES, %di
        movw    $3*1024, %cx
        rep stosl
        movw    $TABLES+0x1003, TABLES
        movw    $TABLES+0x2003, TABLES+0x1000
        movw    $TABLES+0x2000, %di
        movl    $0x83, %eax             # present, writable, 2 MiB
        movw    $512, %cx
1:      movl    %eax, (%di)
        addw    $8, %di
        addl    $0x200000, %eax
        loop    1b
        lgdt    gdtr
        movl    $0x20, %eax             # physical address extension
        movl    %eax, %cr4
        movl    $TABLES, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER: long mode
        rdmsr
        orb     $1, %ah
        wrmsr
        movl    %cr0, %eax
        orl     $0x80000001, %eax
        movl    %eax, %cr0
        ljmp    $0x10, $long

        .code64
long:   movl    $0x18, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        movl    $PARAMS, %esi
        movl    $KERNEL, %eax
        jmp     *%rax

        .balign 4
gdt:    .quad   0, 0
        .quad   0x00af9a000000ffff      # 0x10: 64-bit code, as Linux asks for
        .quad   0x00cf92000000ffff      # 0x18: flat data
gdtr:   .word   . - gdt - 1
        .long   gdt

packet: .byte   16, 0
count:  .word   16
offset: .word   PARAMS
segment: .word  0
sector: .long   1, 0
drive:  .byte   0x80
most:   .byte   MOST
