"""The benchmark: what access control costs, as ratios within one run and as counts.

``manage.py bench`` and ``make bench`` run it. It is no part of what is installed: it compares the
product with stock django-guardian, which nothing but one module of the product may import.
"""
