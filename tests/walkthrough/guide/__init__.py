"""The customers' illustrated instruction, made from the walkthrough.

A flow with a chapter title is a chapter. Its steps on one page of the portal become a scene: one
picture, in which the controls carry the numbers of the sentences. So a new flow adds its chapter by
having a title, and `templates/guide/<flow>.html` may put words of its own before the pictures.
"""
